package main

import (
	"context"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

const (
	readyLabel      = "deckwatch.test/ready"
	readyAfterLabel = "deckwatch.test/ready-after"
	faultLabel      = "deckwatch.test/fault"
)

func probeDeployment(s *scene) error {
	if err := s.deploy("web", 3, nil); err != nil {
		return err
	}
	if err := s.awaitReady("web", 3); err != nil {
		return err
	}
	deployments := s.client.AppsV1().Deployments(s.namespace)
	for _, change := range []struct {
		patch    string
		replicas int32
	}{
		{`{"spec":{"replicas":5}}`, 5},
		{`{"spec":{"replicas":1}}`, 1},
		{`{"spec":{"template":{"spec":{"containers":[{"name":"main","image":"registry.test/web:2"}]}}}}`, 1},
	} {
		_, err := deployments.Patch(s.ctx, "web", types.StrategicMergePatchType, []byte(change.patch), metav1.PatchOptions{})
		if err != nil {
			return err
		}
		if err := s.awaitReady("web", change.replicas); err != nil {
			return err
		}
	}
	// The old version's pod goes quickly, too, and not after its grace of 30 s.
	quick, cancel := context.WithTimeout(s.ctx, 20*time.Second)
	defer cancel()
	return until(quick, 50*time.Millisecond, "one pod of version 2 alone", func() error {
		pods, err := s.pods()
		if err == nil && (len(pods) != 1 || pods[0].Spec.Containers[0].Image != "registry.test/web:2") {
			err = fmt.Errorf("%d pods", len(pods))
		}
		return err
	})
}

func probeFifty(s *scene) error {
	if err := s.deploy("many", 50, nil); err != nil {
		return err
	}
	if err := s.awaitReady("many", 50); err != nil {
		return err
	}
	pods, err := s.pods()
	if err != nil {
		return err
	}
	addresses := map[string]bool{}
	for _, pod := range pods {
		addresses[pod.Status.PodIP] = true
	}
	if len(addresses) != 50 || addresses[""] {
		return fmt.Errorf("50 pods have %d addresses", len(addresses))
	}
	return nil
}

func probeSlow(s *scene) error {
	if err := s.deploy("slow", 1, map[string]string{readyAfterLabel: "4.5"}); err != nil {
		return err
	}
	pod, err := s.awaitPod("the pod to be ready", isReady)
	if err != nil {
		return err
	}
	// What the status says, in whole seconds: this process may have looked late.
	started := pod.Status.ContainerStatuses[0].State.Running.StartedAt
	for _, condition := range pod.Status.Conditions {
		if took := condition.LastTransitionTime.Sub(started.Time); condition.Type == corev1.PodReady && took < 4*time.Second {
			return fmt.Errorf("ready %v after its start", took)
		}
	}
	return nil
}

func probeNeverReady(s *scene) error {
	if err := s.deploy("never", 2, map[string]string{faultLabel: "never-ready"}); err != nil {
		return err
	}
	running := func(pod *corev1.Pod) bool { return pod.Status.Phase == corev1.PodRunning && isUnready(pod) }
	if _, err := s.awaitPod("a running pod", running); err != nil {
		return err
	}
	return s.holds(4*time.Second, isUnready)
}

func probeCrashLoop(s *scene) error {
	if err := s.deploy("crash", 1, map[string]string{faultLabel: "crash-loop"}); err != nil {
		return err
	}
	looping := func(pod *corev1.Pod) bool {
		return waits(pod) == "CrashLoopBackOff" && pod.Status.ContainerStatuses[0].RestartCount >= 2 &&
			pod.Status.ContainerStatuses[0].LastTerminationState.Terminated != nil && isUnready(pod)
	}
	pod, err := s.awaitPod("a second restart", looping)
	if err != nil {
		return err
	}
	if err := s.holds(4*time.Second, isUnready); err != nil {
		return err
	}
	// Mended: it starts once more and stays.
	if err := s.patchPod(pod.Name, `{"metadata":{"labels":{"`+faultLabel+`":null}}}`); err != nil {
		return err
	}
	if _, err := s.awaitPod("the mended pod to be ready", isReady); err != nil {
		return err
	}
	return s.holds(2*time.Second, isReady)
}

func probeImagePull(s *scene) error {
	if err := s.deploy("pull", 1, map[string]string{faultLabel: "image-pull"}); err != nil {
		return err
	}
	for _, reason := range []string{"ErrImagePull", "ImagePullBackOff"} {
		if _, err := s.awaitPod(reason, func(pod *corev1.Pod) bool {
			return waits(pod) == reason && pod.Status.Phase == corev1.PodPending && isUnready(pod)
		}); err != nil {
			return err
		}
	}
	return nil
}

func probeRelapse(s *scene) error {
	if err := s.deploy("web", 3, map[string]string{readyAfterLabel: "6"}); err != nil {
		return err
	}
	service := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec: corev1.ServiceSpec{
			Selector: map[string]string{"app": "web"},
			Ports:    []corev1.ServicePort{{Port: 80}},
		},
	}
	if _, err := s.client.CoreV1().Services(s.namespace).Create(s.ctx, service, metav1.CreateOptions{}); err != nil {
		return err
	}
	if err := s.awaitReady("web", 3); err != nil {
		return err
	}
	if err := s.awaitEndpoints("web", 3); err != nil {
		return err
	}
	pods, err := s.pods()
	if err != nil {
		return err
	}
	if err := s.patchPod(pods[0].Name, `{"metadata":{"labels":{"`+readyLabel+`":"false"}}}`); err != nil {
		return err
	}
	if err := s.awaitDeployment("web", "2 of 3 ready", func(status appsv1.DeploymentStatus) bool {
		return status.ReadyReplicas == 2 && status.Replicas == 3
	}); err != nil {
		return err
	}
	if err := s.awaitEndpoints("web", 2); err != nil {
		return err
	}
	if err := s.patchPod(pods[0].Name, `{"metadata":{"labels":{"`+readyLabel+`":null}}}`); err != nil {
		return err
	}
	began := time.Now()
	if err := s.awaitReady("web", 3); err != nil {
		return err
	}
	if took := time.Since(began); took > 5*time.Second {
		return fmt.Errorf("back after %v only: a relapse is no slow start", took)
	}
	return s.awaitEndpoints("web", 3)
}

// awaitEndpoints waits until so many endpoints of a Service are ready.
func (s *scene) awaitEndpoints(service string, count int) error {
	return until(s.ctx, 50*time.Millisecond, fmt.Sprintf("%d ready endpoints", count), func() error {
		slices, err := s.client.DiscoveryV1().EndpointSlices(s.namespace).
			List(s.ctx, metav1.ListOptions{LabelSelector: discoveryv1.LabelServiceName + "=" + service})
		if err != nil {
			return err
		}
		ready := 0
		for _, slice := range slices.Items {
			for _, endpoint := range slice.Endpoints {
				if endpoint.Conditions.Ready != nil && *endpoint.Conditions.Ready {
					ready++
				}
			}
		}
		if ready != count {
			return fmt.Errorf("%d are ready", ready)
		}
		return nil
	})
}

func probeRelapseWhileStarting(s *scene) error {
	if err := s.deploy("slow", 1, map[string]string{readyAfterLabel: "8"}); err != nil {
		return err
	}
	pod, err := s.awaitPod("the pod to run", func(pod *corev1.Pod) bool { return pod.Status.Phase == corev1.PodRunning })
	if err != nil {
		return err
	}
	if err := s.patchPod(pod.Name, `{"metadata":{"labels":{"`+readyLabel+`":"false"}}}`); err != nil {
		return err
	}
	// One look might miss a short moment of being Ready; `started` would remember it.
	return s.holds(10*time.Second, func(pod *corev1.Pod) bool {
		return isUnready(pod) && !*pod.Status.ContainerStatuses[0].Started
	})
}

func probeHandWritten(s *scene) error {
	if err := s.deploy("web", 1, nil); err != nil {
		return err
	}
	pod, err := s.awaitPod("the pod to be ready", isReady)
	if err != nil {
		return err
	}
	patch := `{"status":{"conditions":[{"type":"Ready","status":"False"},{"type":"ContainersReady","status":"False"}]}}`
	if err := s.patchPod(pod.Name, patch, "status"); err != nil {
		return err
	}
	return s.holds(3*time.Second, isUnready)
}
