package main

import (
	"fmt"
	"os"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

func probeStatefulSet(s *scene) error {
	like := deployment("store", 3, nil)
	set := &appsv1.StatefulSet{
		ObjectMeta: like.ObjectMeta,
		Spec: appsv1.StatefulSetSpec{
			Replicas: like.Spec.Replicas, Selector: like.Spec.Selector, Template: like.Spec.Template, ServiceName: "store",
		},
	}
	sets := s.client.AppsV1().StatefulSets(s.namespace)
	if _, err := sets.Create(s.ctx, set, metav1.CreateOptions{}); err != nil {
		return err
	}
	return until(s.ctx, 100*time.Millisecond, "store-0 to store-2 to be ready, in order", func() error {
		pods, err := s.pods()
		if err != nil {
			return err
		}
		for i, pod := range pods {
			if pod.Name != fmt.Sprintf("store-%d", i) || (i > 0 && isUnready(&pods[i-1])) {
				return fmt.Errorf("%s came out of order", pod.Name)
			}
		}
		if len(pods) < 3 || isUnready(&pods[2]) {
			return fmt.Errorf("%d pods", len(pods))
		}
		return nil
	})
}

func probeDaemonSet(s *scene) error {
	like := deployment("agent", 1, nil)
	set := &appsv1.DaemonSet{
		ObjectMeta: like.ObjectMeta,
		Spec:       appsv1.DaemonSetSpec{Selector: like.Spec.Selector, Template: like.Spec.Template},
	}
	sets := s.client.AppsV1().DaemonSets(s.namespace)
	if _, err := sets.Create(s.ctx, set, metav1.CreateOptions{}); err != nil {
		return err
	}
	nodes, err := s.client.CoreV1().Nodes().List(s.ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	return until(s.ctx, 100*time.Millisecond, "a pod on every node", func() error {
		seen, err := sets.Get(s.ctx, "agent", metav1.GetOptions{})
		if err == nil && int(seen.Status.NumberReady) != len(nodes.Items) {
			err = fmt.Errorf("%d of %d", seen.Status.NumberReady, len(nodes.Items))
		}
		return err
	})
}

func probeAutoscaler(s *scene) error {
	if err := s.deploy("web", 1, nil); err != nil {
		return err
	}
	most := int32(3)
	autoscaler := &autoscalingv2.HorizontalPodAutoscaler{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
			ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "web"},
			MinReplicas:    &most, MaxReplicas: most,
		},
	}
	autoscalers := s.client.AutoscalingV2().HorizontalPodAutoscalers(s.namespace)
	if _, err := autoscalers.Create(s.ctx, autoscaler, metav1.CreateOptions{}); err != nil {
		return err
	}
	if err := s.awaitReady("web", most); err != nil {
		return err
	}
	return until(s.ctx, 100*time.Millisecond, "the autoscaler to be at its maximum", func() error {
		seen, err := autoscalers.Get(s.ctx, "web", metav1.GetOptions{})
		if err == nil && seen.Status.CurrentReplicas != most {
			err = fmt.Errorf("status is %+v", seen.Status)
		}
		return err
	})
}

func probeBudget(s *scene) error {
	if err := s.deploy("web", 2, nil); err != nil {
		return err
	}
	if err := s.awaitReady("web", 2); err != nil {
		return err
	}
	least := intstr.FromInt32(2)
	budget := &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec: policyv1.PodDisruptionBudgetSpec{
			MinAvailable: &least,
			Selector:     &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}},
		},
	}
	budgets := s.client.PolicyV1().PodDisruptionBudgets(s.namespace)
	if _, err := budgets.Create(s.ctx, budget, metav1.CreateOptions{}); err != nil {
		return err
	}
	err := until(s.ctx, 100*time.Millisecond, "the budget to be counted", func() error {
		seen, err := budgets.Get(s.ctx, "web", metav1.GetOptions{})
		if err == nil && (seen.Status.CurrentHealthy != 2 || seen.Status.DisruptionsAllowed != 0) {
			err = fmt.Errorf("status is %+v", seen.Status)
		}
		return err
	})
	if err != nil {
		return err
	}
	pods, err := s.pods()
	if err != nil {
		return err
	}
	eviction := &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Name: pods[0].Name, Namespace: s.namespace}}
	err = s.client.PolicyV1().Evictions(s.namespace).Evict(s.ctx, eviction)
	if !apierrors.IsTooManyRequests(err) {
		return fmt.Errorf("the eviction was answered with %v", err)
	}
	return nil
}

const route = `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: web }
spec:
  parentRefs: [{ name: front }]
  rules:
    - backendRefs:
        - { name: web-blue, port: 80, weight: 95 }
        - { name: web-green, port: 80, weight: 5 }
`

func probeRoute(s *scene) error {
	objects, err := parseObjects([]byte(route))
	if err != nil {
		return err
	}
	kind := schema.GroupVersionResource{Group: "gateway.networking.k8s.io", Version: "v1", Resource: "httproutes"}
	routes := s.dynamic.Resource(kind).Namespace(s.namespace)
	options := metav1.ApplyOptions{FieldManager: "probe", Force: true}
	if _, err := routes.Apply(s.ctx, "web", objects[0], options); err != nil {
		return err
	}
	seen, err := routes.Get(s.ctx, "web", metav1.GetOptions{})
	if err != nil {
		return err
	}
	rule := seen.Object["spec"].(map[string]any)["rules"].([]any)[0].(map[string]any)
	backends := rule["backendRefs"].([]any)
	if weight := backends[1].(map[string]any)["weight"]; weight != int64(5) {
		return fmt.Errorf("the weight is %v", weight)
	}
	backends[1].(map[string]any)["weight"] = int64(-1)
	if _, err := routes.Update(s.ctx, seen, metav1.UpdateOptions{}); !apierrors.IsInvalid(err) {
		return fmt.Errorf("a weight of -1 was answered with %v", err)
	}
	return nil
}

func probeLogs(s *scene) error {
	printed, err := os.CreateTemp("", "printed-*.log")
	if err != nil {
		return err
	}
	defer os.Remove(printed.Name())
	for _, line := range []string{"one", "two"} {
		fmt.Fprintf(printed, "%s stdout F %s\n", time.Now().UTC().Format(time.RFC3339Nano), line)
	}
	if err := s.deploy("web", 1, nil); err != nil {
		return err
	}
	pod, err := s.awaitPod("the pod to be ready", isReady)
	if err != nil {
		return err
	}
	text := fmt.Sprintf(`{"apiVersion":"kwok.x-k8s.io/v1alpha1","kind":"Logs","metadata":{"name":%q},
		"spec":{"logs":[{"logsFile":%q,"follow":true}]}}`, pod.Name, printed.Name())
	objects, err := parseObjects([]byte(text))
	if err != nil {
		return err
	}
	kind := schema.GroupVersionResource{Group: "kwok.x-k8s.io", Version: "v1alpha1", Resource: "logs"}
	if _, err := s.dynamic.Resource(kind).Namespace(s.namespace).
		Create(s.ctx, objects[0], metav1.CreateOptions{}); err != nil {
		return err
	}
	last := int64(1)
	return until(s.ctx, 100*time.Millisecond, "the last line", func() error {
		text, err := s.client.CoreV1().Pods(s.namespace).
			GetLogs(pod.Name, &corev1.PodLogOptions{TailLines: &last}).DoRaw(s.ctx)
		if err == nil && string(text) != "two\n" {
			err = fmt.Errorf("it printed %q", text)
		}
		return err
	})
}

// as is a client for another of the users.
func (s *scene) as(user string) (kubernetes.Interface, error) {
	rules := &clientcmd.ClientConfigLoadingRules{ExplicitPath: s.kubeconfig}
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules,
		&clientcmd.ConfigOverrides{CurrentContext: user}).ClientConfig()
	if err != nil {
		return nil, err
	}
	return kubernetes.NewForConfig(config)
}

func probeUsers(s *scene) error {
	binding := &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "viewer"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "view"},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "viewer"}},
	}
	if _, err := s.client.RbacV1().RoleBindings(s.namespace).Create(s.ctx, binding, metav1.CreateOptions{}); err != nil {
		return err
	}
	viewer, err := s.as("viewer")
	if err != nil {
		return err
	}
	err = until(s.ctx, 100*time.Millisecond, "the binding to count", func() error {
		_, err := viewer.CoreV1().Pods(s.namespace).List(s.ctx, metav1.ListOptions{})
		return err
	})
	if err != nil {
		return err
	}
	one := deployment("web", 1, nil)
	if _, err := viewer.AppsV1().Deployments(s.namespace).Create(s.ctx, one, metav1.CreateOptions{}); !apierrors.IsForbidden(err) {
		return fmt.Errorf("a viewer's creation was answered with %v", err)
	}
	for _, user := range []string{"driver", "nobody"} {
		client, err := s.as(user)
		if err != nil {
			return err
		}
		if _, err := client.CoreV1().Pods(s.namespace).List(s.ctx, metav1.ListOptions{}); !apierrors.IsForbidden(err) {
			return fmt.Errorf("%s's reading was answered with %v", user, err)
		}
	}
	return nil
}

func probeNamespace(s *scene) error {
	if err := s.deploy("web", 3, nil); err != nil {
		return err
	}
	if err := s.awaitReady("web", 3); err != nil {
		return err
	}
	spaces := s.client.CoreV1().Namespaces()
	if err := spaces.Delete(s.ctx, s.namespace, metav1.DeleteOptions{}); err != nil {
		return err
	}
	return until(s.ctx, 200*time.Millisecond, "the namespace to be gone", func() error {
		_, err := spaces.Get(s.ctx, s.namespace, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		if err == nil {
			err = fmt.Errorf("still there")
		}
		return err
	})
}
