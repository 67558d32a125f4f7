// The control plane that the tests run against, in one program: the first word says which part of
// it this process is. `up` runs all of them and is what tests call; the parts are the real servers,
// only the machines below them are simulated.
package main

import (
	"fmt"
	"os"
)

// role is what a process of this program can be: a part of the control plane, or a command of ours.
type role struct {
	name  string
	about string
	run   func(args []string) int
}

var roles = []role{
	{"up", "runs all parts in a folder until its standard input ends", up},
	{"apply", "applies YAML files, server-side", apply},
	{"probe", "proves that the simulated pods do what the tests rely on", probe},
	{"etcd", "the store", etcd},
	{"kube-apiserver", "the API", apiServer},
	{"kube-controller-manager", "deployments, endpoints, autoscaling, garbage", controllerManager},
	{"kube-scheduler", "pods to nodes", scheduler},
	{"kwok", "simulated nodes and pods", kwok},
}

func main() {
	if len(os.Args) > 1 {
		for _, role := range roles {
			if role.name == os.Args[1] {
				// The parts read the process's own arguments: they have to look as if run alone.
				os.Args = append([]string{role.name}, os.Args[2:]...)
				os.Exit(role.run(os.Args[1:]))
			}
		}
	}
	fmt.Fprintln(os.Stderr, "usage: control-plane PART [FLAGS]")
	for _, role := range roles {
		fmt.Fprintf(os.Stderr, "  %-24s %s\n", role.name, role.about)
	}
	os.Exit(2)
}
