package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// family is the parts that run as children of this process.
type family struct {
	logs string
	// Both ends stay open here; children get the reading end.
	lifeline, held *os.File
	children       []*child
	// The first part that ended by itself.
	ended chan error
}

type child struct {
	name   string
	began  time.Time
	log    string
	handle *exec.Cmd
	gone   chan struct{}
}

func newFamily(logs string) (*family, error) {
	lifeline, held, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	return &family{logs: logs, lifeline: lifeline, held: held, ended: make(chan error, 8)}, nil
}

// start runs a part with its output in a log of its own.
func (f *family) start(part string, flags ...string) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	path := filepath.Join(f.logs, part+".log")
	log, err := os.Create(path)
	if err != nil {
		return err
	}
	defer log.Close()
	handle := exec.Command(program, append([]string{part}, flags...)...)
	handle.Stdout, handle.Stderr = log, log
	handle.ExtraFiles = []*os.File{f.lifeline}
	handle.Env = append(os.Environ(), fmt.Sprintf("%s=%d", lifelineVariable, lifelineDescriptor))
	// A group of its own: Ctrl-C in a terminal reaches `up` alone, which ends them in order.
	handle.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := handle.Start(); err != nil {
		return fmt.Errorf("starting %s: %w", part, err)
	}
	started := &child{name: part, began: time.Now(), log: path, handle: handle, gone: make(chan struct{})}
	f.children = append(f.children, started)
	go func() {
		err := handle.Wait()
		close(started.gone)
		f.ended <- fmt.Errorf("%s ended by itself (%v); its last lines:\n%s", part, err, tail(path, 5))
	}()
	return nil
}

// end stops every part, last started first. The store alone is asked, when it is to be kept: what
// the others hold is worth nothing without it.
func (f *family) end(keep bool) {
	for i := len(f.children) - 1; i >= 0; i-- {
		child := f.children[i]
		if keep && child.name == "etcd" {
			_ = child.handle.Process.Signal(syscall.SIGTERM)
			select {
			case <-child.gone:
				continue
			case <-time.After(10 * time.Second):
			}
		}
		if err := child.handle.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			fmt.Fprintf(os.Stderr, "ending %s: %v\n", child.name, err)
		}
		<-child.gone
	}
	f.lifeline.Close()
	f.held.Close()
}

// tail is the last lines of a file, for a message.
func tail(path string, lines int) string {
	text, _ := os.ReadFile(path)
	all := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(all) > lines {
		all = all[len(all)-lines:]
	}
	return strings.Join(all, "\n")
}
