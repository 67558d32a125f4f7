package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// How long a probe may take in all; a busy machine is slow.
const probeLimit = 2 * time.Minute

// scene is what one probe has to itself.
type scene struct {
	ctx        context.Context
	client     kubernetes.Interface
	dynamic    dynamic.Interface
	kubeconfig string
	namespace  string
}

// probes are what the tests rely on, each with what it shows.
var probes = []struct {
	name string
	run  func(*scene) error
}{
	{"deployment: pods come, scale and roll", probeDeployment},
	{"deployment: fifty pods", probeFifty},
	{"ready-after: a slow start takes its time", probeSlow},
	{"never-ready: runs and stays unready", probeNeverReady},
	{"crash-loop: waits in CrashLoopBackOff, restarts count", probeCrashLoop},
	{"image-pull: ErrImagePull, pending", probeImagePull},
	{"ready=false: a living pod leaves and returns", probeRelapse},
	{"ready=false during a slow start holds", probeRelapseWhileStarting},
	{"a status written by hand stays", probeHandWritten},
	{"logs: what a test lets a pod print", probeLogs},
	{"statefulset: in order", probeStatefulSet},
	{"daemonset: a pod on every node", probeDaemonSet},
	{"autoscaler: minimum equal to maximum", probeAutoscaler},
	{"disruption budget: refuses an eviction", probeBudget},
	{"HTTPRoute: weights stored, nonsense refused", probeRoute},
	{"users: what is not bound is refused", probeUsers},
	{"namespace: deleted with all in it", probeNamespace},
}

// probe proves on a running control plane that everything the tests rely on is so. Exit status: 0
// when all of it is.
func probe(args []string) int {
	flags := flag.NewFlagSet("probe", flag.ExitOnError)
	kubeconfig := flags.String("kubeconfig", os.Getenv("KUBECONFIG"), "which cluster; $KUBECONFIG when not given")
	_ = flags.Parse(args)
	config, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err != nil {
		fmt.Fprintln(os.Stderr, "probe:", err)
		return 1
	}
	config.QPS, config.Burst = 200, 400
	ctx, cancel := context.WithTimeout(context.Background(), probeLimit)
	defer cancel()
	failed := 0
	var all sync.WaitGroup
	var lock sync.Mutex
	for i, one := range probes {
		all.Go(func() {
			began := time.Now()
			err := runProbe(ctx, config, *kubeconfig, fmt.Sprintf("probe-%02d", i), one.run)
			lock.Lock()
			defer lock.Unlock()
			if err != nil {
				failed++
				fmt.Printf("FAIL %5.1f s  %s: %v\n", time.Since(began).Seconds(), one.name, err)
				return
			}
			fmt.Printf("ok   %5.1f s  %s\n", time.Since(began).Seconds(), one.name)
		})
	}
	all.Wait()
	fmt.Printf("%d of %d hold\n", len(probes)-failed, len(probes))
	if failed > 0 {
		return 1
	}
	return 0
}

// runProbe gives a probe a namespace of its own and takes it away afterwards.
func runProbe(ctx context.Context, config *rest.Config, kubeconfig, namespace string, run func(*scene) error) error {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	untyped, err := dynamic.NewForConfig(config)
	if err != nil {
		return err
	}
	space := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}
	if _, err := client.CoreV1().Namespaces().Create(ctx, space, metav1.CreateOptions{}); err != nil {
		return err
	}
	defer func() {
		_ = client.CoreV1().Namespaces().Delete(context.WithoutCancel(ctx), namespace, metav1.DeleteOptions{})
	}()
	return run(&scene{ctx: ctx, client: client, dynamic: untyped, kubeconfig: kubeconfig, namespace: namespace})
}

// deploy creates a Deployment with labels on its pods.
func (s *scene) deploy(name string, replicas int32, labels map[string]string) error {
	_, err := s.client.AppsV1().Deployments(s.namespace).
		Create(s.ctx, deployment(name, replicas, labels), metav1.CreateOptions{})
	return err
}

// awaitDeployment waits until a Deployment's status, seen after its last change, is as wanted.
func (s *scene) awaitDeployment(name, what string, wanted func(appsv1.DeploymentStatus) bool) error {
	return until(s.ctx, 50*time.Millisecond, what, func() error {
		seen, err := s.client.AppsV1().Deployments(s.namespace).Get(s.ctx, name, metav1.GetOptions{})
		if err == nil && (seen.Status.ObservedGeneration < seen.Generation || !wanted(seen.Status)) {
			err = fmt.Errorf("status is %+v", seen.Status)
		}
		return err
	})
}

func (s *scene) awaitReady(name string, replicas int32) error {
	return s.awaitDeployment(name, fmt.Sprintf("%d ready pods of %s", replicas, name),
		func(status appsv1.DeploymentStatus) bool {
			return status.ReadyReplicas == replicas && status.Replicas == replicas && status.UpdatedReplicas == replicas
		})
}

func (s *scene) pods() ([]corev1.Pod, error) {
	list, err := s.client.CoreV1().Pods(s.namespace).List(s.ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	return list.Items, nil
}

// awaitPod waits until the first pod of the namespace is as wanted, and returns it.
func (s *scene) awaitPod(what string, wanted func(*corev1.Pod) bool) (*corev1.Pod, error) {
	var found *corev1.Pod
	err := until(s.ctx, 50*time.Millisecond, what, func() error {
		pods, err := s.pods()
		if err != nil {
			return err
		}
		if len(pods) == 0 {
			return fmt.Errorf("no pods")
		}
		if found = &pods[0]; !wanted(found) {
			return fmt.Errorf("pod's status is %+v", found.Status)
		}
		return nil
	})
	return found, err
}

func (s *scene) patchPod(name, patch string, subresources ...string) error {
	_, err := s.client.CoreV1().Pods(s.namespace).
		Patch(s.ctx, name, types.StrategicMergePatchType, []byte(patch), metav1.PatchOptions{}, subresources...)
	return err
}

// holds looks for a while and fails as soon as it is no longer so.
func (s *scene) holds(length time.Duration, wanted func(*corev1.Pod) bool) error {
	for end := time.Now().Add(length); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		pods, err := s.pods()
		if err != nil {
			return err
		}
		for _, pod := range pods {
			if !wanted(&pod) {
				return fmt.Errorf("did not stay so: %+v", pod.Status)
			}
		}
	}
	return nil
}

func isReady(pod *corev1.Pod) bool {
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodReady {
			return condition.Status == corev1.ConditionTrue
		}
	}
	return false
}

func isUnready(pod *corev1.Pod) bool { return !isReady(pod) }

// waits says why a pod's first container waits, "" when it does not.
func waits(pod *corev1.Pod) string {
	for _, container := range pod.Status.ContainerStatuses {
		if container.State.Waiting != nil {
			return container.State.Waiting.Reason
		}
	}
	return ""
}
