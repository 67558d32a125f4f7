// The five parts: each is the upstream program's own entry point.
package main

import (
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllers "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduling "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kwokconfig "sigs.k8s.io/kwok/pkg/config"
	kwokcmd "sigs.k8s.io/kwok/pkg/kwok/cmd"
	kwoklog "sigs.k8s.io/kwok/pkg/log"
	"sigs.k8s.io/kwok/pkg/utils/signals"
)

func etcd([]string) int {
	dieWithParent()
	etcdmain.Main(os.Args)
	return 0
}

func apiServer([]string) int         { return run(apiserver.NewAPIServerCommand()) }
func controllerManager([]string) int { return run(controllers.NewControllerManagerCommand()) }
func scheduler([]string) int         { return run(scheduling.NewSchedulerCommand()) }

func run(command *cobra.Command) int {
	dieWithParent()
	return cli.Run(command)
}

func kwok([]string) int {
	dieWithParent()
	// kwok reads its configuration before its command's flags are known, so every other flag is
	// let through here and parsed a second time by the command.
	early := pflag.NewFlagSet("early", pflag.ContinueOnError)
	early.ParseErrorsAllowlist.UnknownFlags = true
	early.Usage = func() {}
	ctx, logger := kwoklog.InitFlags(signals.SetupSignalContext(), early)
	ctx, err := kwokconfig.InitFlags(ctx, early)
	if err != nil {
		logger.Error("reading the configuration", "err", err)
		return 1
	}
	command := kwokcmd.NewCommand(ctx)
	// Its own `--version` clashes with the one that component-base registers in this process.
	command.Version = ""
	command.PersistentFlags().AddFlagSet(early)
	if err := command.ExecuteContext(ctx); err != nil {
		logger.Error("running", "err", err)
		return 1
	}
	return 0
}
