package main

import (
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

//go:embed stages.yaml
var stages []byte

// The parts start one after the other; a machine that is busy building needs its time.
const startLimit = 3 * time.Minute

// plane is a control plane in a folder.
type plane struct {
	dir    string
	keep   bool
	nodes  int
	began  time.Time
	family *family
	// Of kwok, which answers in the kubelets' place.
	logPort int
}

// up runs a control plane until its standard input ends or it is told to stop. Exit status: 0 when
// it was asked to end, 1 when something broke.
func up(args []string) int {
	flags := flag.NewFlagSet("up", flag.ExitOnError)
	dir := flags.String("dir", "", "folder for keys, store, logs and kubeconfig (needed)")
	keep := flags.Bool("keep", false, "keep the store, for the next time in the same folder")
	nodes := flags.Int("nodes", 10, "how many simulated nodes, at most 100")
	_ = flags.Parse(args)
	if *dir == "" || flags.NArg() > 0 || *nodes < 1 || *nodes > 100 {
		flags.Usage()
		return 2
	}
	stop, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer cancel()
	go func() {
		// Whoever started this is gone when its end of the pipe is.
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	plane := &plane{dir: *dir, keep: *keep, nodes: *nodes, began: time.Now()}
	if err := plane.run(stop); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "control plane:", err)
		return 1
	}
	return 0
}

func (p *plane) run(stop context.Context) error {
	var err error
	if p.dir, err = filepath.Abs(p.dir); err != nil {
		return err
	}
	if err := os.MkdirAll(p.path("logs"), 0o700); err != nil {
		return err
	}
	lock, err := p.lock()
	if err != nil {
		return err
	}
	defer lock.Close()
	if p.family, err = newFamily(p.path("logs")); err != nil {
		return err
	}
	defer p.end()
	inTime, cancel := context.WithTimeout(stop, startLimit)
	defer cancel()
	started := make(chan error, 1)
	go func() { started <- p.start(inTime) }()
	select {
	case err = <-started:
	case err = <-p.family.ended:
	}
	if err != nil {
		if stop.Err() != nil {
			return context.Canceled
		}
		return err
	}
	p.say("ready")
	fmt.Printf("ready KUBECONFIG=%s\n", p.path("kubeconfig"))
	select {
	case <-stop.Done():
		return nil
	case err := <-p.family.ended:
		return err
	}
}

// lock refuses a second control plane in the same folder.
func (p *plane) lock() (*os.File, error) {
	lock, err := os.OpenFile(p.path("lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		lock.Close()
		return nil, fmt.Errorf("%s is in use by another control plane", p.dir)
	}
	return lock, nil
}

func (p *plane) start(limit context.Context) error {
	if !p.keep {
		if err := os.RemoveAll(p.path("store")); err != nil {
			return err
		}
	}
	// From an earlier run: nobody shall take it for this one's.
	if err := os.RemoveAll(p.path("kubeconfig")); err != nil {
		return err
	}
	if err := os.WriteFile(p.path("stages.yaml"), stages, 0o600); err != nil {
		return err
	}
	server, err := p.startServers(limit)
	if err != nil {
		return err
	}
	return p.furnish(limit, server)
}

func (p *plane) path(name string) string { return filepath.Join(p.dir, name) }

// say tells the progress on the standard error; the standard output is for the one line.
func (p *plane) say(what string) {
	fmt.Fprintf(os.Stderr, "control plane: %s after %.1f s\n", what, time.Since(p.began).Seconds())
}

func (p *plane) end() {
	p.family.end(p.keep)
	_ = os.RemoveAll(p.path("kubeconfig"))
	if !p.keep {
		_ = os.RemoveAll(p.path("store"))
	}
}

// freePort is a loopback port that nobody listens on. It is taken from below the range that the
// kernel gives to outgoing connections, so that none of those takes it before its part does.
func freePort() (int, error) {
	for range 200 {
		port := 20000 + rand.IntN(12000)
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			return port, listener.Close()
		}
	}
	return 0, errors.New("no free port between 20000 and 32000")
}
