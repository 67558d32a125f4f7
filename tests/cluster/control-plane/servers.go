package main

import (
	"context"
	"fmt"
	"net"
	"strings"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// The loops that Deckwatch's objects and users depend on. Those for volumes, jobs, certificates and clouds
// would cost memory and do nothing here; the one for nodes would look for living kubelets.
var controllerNames = strings.Join([]string{
	"deployment-controller",
	"replicaset-controller",
	"statefulset-controller",
	"daemonset-controller",
	"endpointslice-controller",
	"garbage-collector-controller",
	"horizontal-pod-autoscaler-controller",
	"disruption-controller",
	"namespace-controller",
	"serviceaccount-controller",
	// Fills `view`, `edit` and `admin`, which role bindings name.
	"clusterrole-aggregation-controller",
}, ",")

// startServers starts everything, the store first, and returns how `admin` reaches the API.
func (p *plane) startServers(limit context.Context) (*rest.Config, error) {
	store, err := p.startStore(limit)
	if err != nil {
		return nil, err
	}
	config, err := p.startAPI(limit, store)
	if err != nil {
		return nil, err
	}
	kubeconfig := p.path("admin.kubeconfig")
	if err := p.family.start("kube-controller-manager",
		"--kubeconfig="+kubeconfig, "--leader-elect=false", "--secure-port=0",
		"--controllers="+controllerNames,
		// Tests should not wait 15 s for an autoscaler's look.
		"--horizontal-pod-autoscaler-sync-period=2s",
		"--kube-api-qps=200", "--kube-api-burst=400"); err != nil {
		return nil, err
	}
	if err := p.family.start("kube-scheduler",
		"--kubeconfig="+kubeconfig, "--leader-elect=false", "--secure-port=0",
		"--kube-api-qps=200", "--kube-api-burst=400"); err != nil {
		return nil, err
	}
	if p.logPort, err = freePort(); err != nil {
		return nil, err
	}
	return config, p.family.start("kwok",
		"--kubeconfig="+kubeconfig, "--manage-all-nodes=true", "--config="+p.path("stages.yaml"),
		// No leases: nothing here looks at them, and a second kwok would wait for the first one's.
		"--node-lease-duration-seconds=0",
		// Where the API server asks for what a pod printed.
		"--enable-crds=Logs", fmt.Sprintf("--server-address=127.0.0.1:%d", p.logPort),
		"--tls-cert-file="+p.path("pki/apiserver.crt"), "--tls-private-key-file="+p.path("pki/apiserver.key"))
}

// startStore starts etcd and returns its address.
func (p *plane) startStore(limit context.Context) (string, error) {
	client, err := freePort()
	if err != nil {
		return "", err
	}
	peer, err := freePort()
	if err != nil {
		return "", err
	}
	address := fmt.Sprintf("http://127.0.0.1:%d", client)
	peers := fmt.Sprintf("http://127.0.0.1:%d", peer)
	if err := p.family.start("etcd", "--name=store", "--data-dir="+p.path("store"),
		"--listen-client-urls="+address, "--advertise-client-urls="+address,
		"--listen-peer-urls="+peers, "--initial-advertise-peer-urls="+peers,
		"--initial-cluster=store="+peers, "--unsafe-no-fsync", "--log-level=warn"); err != nil {
		return "", err
	}
	err = until(limit, 50*time.Millisecond, "etcd to listen", func() error {
		connection, err := net.Dial("tcp", strings.TrimPrefix(address, "http://"))
		if err != nil {
			return err
		}
		return connection.Close()
	})
	p.say("etcd listens")
	return address, err
}

// startAPI starts the API server and waits until it calls itself ready.
func (p *plane) startAPI(limit context.Context, store string) (*rest.Config, error) {
	tokens, err := writeAccess(p.dir)
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	if err := p.family.start("kube-apiserver", "--etcd-servers="+store,
		"--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", fmt.Sprintf("--secure-port=%d", port),
		"--cert-dir="+p.path("pki"), "--token-auth-file="+p.path("tokens.csv"),
		"--service-account-key-file="+p.path("accounts.key"),
		"--service-account-signing-key-file="+p.path("accounts.key"),
		"--service-account-issuer=https://kubernetes.default.svc",
		"--authorization-mode=RBAC", "--service-cluster-ip-range=10.96.0.0/16",
		// Pods need no service account to be simulated, and nodes would keep the taint of a node
		// that never reported.
		"--disable-admission-plugins=ServiceAccount,TaintNodesByCondition",
		"--endpoint-reconciler-type=none",
		// The nodes' names are known to nobody.
		"--kubelet-preferred-address-types=InternalIP"); err != nil {
		return nil, err
	}
	var config *rest.Config
	err = until(limit, 100*time.Millisecond, "the API server to be ready", func() error {
		// The certificate appears while the server starts.
		server := fmt.Sprintf("https://127.0.0.1:%d", port)
		if err := writeKubeconfig(p.path("admin.kubeconfig"), server, p.path("pki/apiserver.crt"), tokens); err != nil {
			return err
		}
		var err error
		if config, err = clientcmd.BuildConfigFromFlags("", p.path("admin.kubeconfig")); err != nil {
			return err
		}
		config.QPS, config.Burst = 200, 400
		client, err := kubernetes.NewForConfig(config)
		if err != nil {
			return err
		}
		return client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(limit).Error()
	})
	p.say("the API server is ready")
	return config, err
}

// until asks again and again; the error names what was waited for and why it did not come.
func until(limit context.Context, pause time.Duration, what string, ask func() error) error {
	for {
		err := ask()
		if err == nil {
			return nil
		}
		select {
		case <-limit.Done():
			return fmt.Errorf("waiting for %s: %w (%w)", what, err, limit.Err())
		case <-time.After(pause):
		}
	}
}
