package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/component-base/version"
	// The definitions come from this module's files; the import keeps it in go.mod.
	gatewayapi "sigs.k8s.io/gateway-api/pkg/consts"
	kwokcrd "sigs.k8s.io/kwok/kustomize/crd"
)

// furnish makes the empty API a cluster: the Gateway API's kinds, nodes, and a pod that ran.
func (p *plane) furnish(limit context.Context, config *rest.Config) error {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	for i := range p.nodes {
		if err := p.register(limit, client, fakeNode(i, p.logPort)); err != nil {
			return err
		}
	}
	definitions, err := definitions()
	if err != nil {
		return err
	}
	if err := applyObjects(limit, config, "deckwatch-test", definitions, func(string) {}); err != nil {
		return err
	}
	p.say("Gateway API " + gatewayapi.BundleVersion + " is served")
	if err := tryOut(limit, client); err != nil {
		return err
	}
	return os.Rename(p.path("admin.kubeconfig"), p.path("kubeconfig"))
}

// register makes a node known. One from an earlier run learns the new port of its logs.
func (p *plane) register(limit context.Context, client kubernetes.Interface, node *corev1.Node) error {
	nodes := client.CoreV1().Nodes()
	_, err := nodes.Create(limit, node, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		patch := fmt.Sprintf(`{"status":{"daemonEndpoints":{"kubeletEndpoint":{"Port":%d}}}}`, p.logPort)
		_, err = nodes.PatchStatus(limit, node.Name, []byte(patch))
	}
	return err
}

// definitions are those of the Gateway API, which the build puts beside the program, and of kwok's
// `Logs`, by which a test says what a pod prints.
func definitions() ([]*unstructured.Unstructured, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	gateway, err := readObjects([]string{filepath.Join(filepath.Dir(program), "gateway-api")})
	if err != nil {
		return nil, fmt.Errorf("the Gateway API's definitions: %w", err)
	}
	logs, err := parseObjects(kwokcrd.Logs)
	return append(gateway, logs...), err
}

// fakeNode has room for any test. All of them have kwok's address, so that the API server finds
// what pods print where it looks for a kubelet.
func fakeNode(i, logPort int) *corev1.Node {
	room := corev1.ResourceList{
		corev1.ResourceCPU:    resource.MustParse("64"),
		corev1.ResourceMemory: resource.MustParse("256Gi"),
		corev1.ResourcePods:   resource.MustParse("1000"),
	}
	name := fmt.Sprintf("node-%02d", i)
	addresses := fmt.Sprintf("10.%d.0.0/16", 100+i)
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{
			Name:        name,
			Annotations: map[string]string{"kwok.x-k8s.io/node": "fake"},
			Labels: map[string]string{
				corev1.LabelHostname:     name,
				corev1.LabelTopologyZone: fmt.Sprintf("zone-%c", 'a'+i%3),
			},
		},
		Spec: corev1.NodeSpec{PodCIDR: addresses, PodCIDRs: []string{addresses}},
		Status: corev1.NodeStatus{
			NodeInfo:    corev1.NodeSystemInfo{KubeletVersion: version.Get().GitVersion, OperatingSystem: "linux"},
			Capacity:    room,
			Allocatable: room,
			Addresses: []corev1.NodeAddress{
				{Type: corev1.NodeInternalIP, Address: "127.0.0.1"},
				{Type: corev1.NodeHostName, Address: name},
			},
			DaemonEndpoints: corev1.NodeDaemonEndpoints{
				KubeletEndpoint: corev1.DaemonEndpoint{Port: int32(logPort)},
			},
		},
	}
}

// tryOut runs one pod by a Deployment: only that shows that every part does its work.
func tryOut(limit context.Context, client kubernetes.Interface) error {
	deployments := client.AppsV1().Deployments(metav1.NamespaceSystem)
	one := deployment("try-out", 1, map[string]string{"deckwatch.test/ready-after": "0"})
	if _, err := deployments.Create(limit, one, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	err := until(limit, 50*time.Millisecond, "a first pod to run", func() error {
		seen, err := deployments.Get(limit, one.Name, metav1.GetOptions{})
		if err == nil && seen.Status.AvailableReplicas != 1 {
			err = fmt.Errorf("%d of 1 available", seen.Status.AvailableReplicas)
		}
		return err
	})
	if err != nil {
		return err
	}
	if err := deployments.Delete(limit, one.Name, metav1.DeleteOptions{}); err != nil {
		return err
	}
	return until(limit, 50*time.Millisecond, "the first pod to be gone", func() error {
		pods, err := client.CoreV1().Pods(metav1.NamespaceSystem).List(limit, metav1.ListOptions{})
		if err == nil && len(pods.Items) > 0 {
			err = fmt.Errorf("%d pods left", len(pods.Items))
		}
		return err
	})
}

// deployment is the smallest useful one; `labels` are added to its pods' own.
func deployment(name string, replicas int32, labels map[string]string) *appsv1.Deployment {
	own := map[string]string{"app": name}
	all := map[string]string{"app": name}
	for key, value := range labels {
		all[key] = value
	}
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: appsv1.DeploymentSpec{
			Replicas: &replicas,
			Selector: &metav1.LabelSelector{MatchLabels: own},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: all},
				Spec: corev1.PodSpec{Containers: []corev1.Container{
					{Name: "main", Image: "registry.test/" + name + ":1"},
				}},
			},
		},
	}
}
