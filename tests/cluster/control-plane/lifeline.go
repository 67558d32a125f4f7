// No part outlives `up`, not even when it is killed: each child holds the reading end of a pipe
// whose writing end only `up` has. When the pipe ends, `up` is gone, and the child goes too.
// (Signals on a parent's death fire when the starting thread dies, which in Go is any moment.)
package main

import (
	"os"
	"strconv"
)

const (
	lifelineVariable = "DECKWATCH_CONTROL_PLANE_LIFELINE"
	// The first descriptor after the standard three.
	lifelineDescriptor = 3
	// What a shell reports for a killed process.
	killedExit = 137
)

// dieWithParent watches the pipe, when this process was started with one.
func dieWithParent() {
	descriptor, err := strconv.Atoi(os.Getenv(lifelineVariable))
	if err != nil {
		return
	}
	lifeline := os.NewFile(uintptr(descriptor), "lifeline")
	go func() {
		// Nobody ever writes: reading returns at the end of the pipe only.
		_, _ = lifeline.Read(make([]byte, 1))
		os.Exit(killedExit)
	}()
}
