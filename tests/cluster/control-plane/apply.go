package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"
)

// apply sends YAML files, or the *.yaml of folders in the order of their names, as server-side
// applies. Exit status: 0 when all were accepted.
func apply(args []string) int {
	flags := flag.NewFlagSet("apply", flag.ExitOnError)
	kubeconfig := flags.String("kubeconfig", os.Getenv("KUBECONFIG"), "which cluster; $KUBECONFIG when not given")
	limit := flags.Duration("limit", time.Minute, "how long to wait for kinds that are not known yet")
	_ = flags.Parse(args)
	config, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err == nil {
		ctx, cancel := context.WithTimeout(context.Background(), *limit)
		defer cancel()
		var objects []*unstructured.Unstructured
		if objects, err = readObjects(flags.Args()); err == nil {
			err = applyObjects(ctx, config, "deckwatch-demo", objects, func(name string) { fmt.Println(name) })
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "apply:", err)
		return 1
	}
	return 0
}

// applyObjects applies them in their order, waiting for each kind to be served. `said` hears the
// name of each that was accepted.
func applyObjects(ctx context.Context, config *rest.Config, manager string,
	objects []*unstructured.Unstructured, said func(string),
) error {
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return err
	}
	discovered, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return err
	}
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(discovered))
	for _, object := range objects {
		name := fmt.Sprintf("%s %s", object.GetKind(), object.GetName())
		resource, err := resourceOf(ctx, client, mapper, object)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		options := metav1.ApplyOptions{FieldManager: manager, Force: true}
		if _, err := resource.Apply(ctx, object.GetName(), object, options); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		said(name)
	}
	return nil
}

// resourceOf is where an object goes. A kind that a definition applied a moment ago brings is not
// served at once: it is asked for until the context ends.
func resourceOf(ctx context.Context, client dynamic.Interface, mapper *restmapper.DeferredDiscoveryRESTMapper,
	object *unstructured.Unstructured,
) (dynamic.ResourceInterface, error) {
	kind := object.GroupVersionKind()
	var mapping *meta.RESTMapping
	err := until(ctx, 200*time.Millisecond, "kind "+kind.Kind, func() error {
		var err error
		mapping, err = mapper.RESTMapping(schema.GroupKind{Group: kind.Group, Kind: kind.Kind}, kind.Version)
		if err != nil {
			mapper.Reset()
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if mapping.Scope.Name() == meta.RESTScopeNameRoot {
		return client.Resource(mapping.Resource), nil
	}
	namespace := object.GetNamespace()
	if namespace == "" {
		namespace = metav1.NamespaceDefault
	}
	return client.Resource(mapping.Resource).Namespace(namespace), nil
}

// readObjects reads every document of the files, folders' files in the order of their names.
func readObjects(paths []string) ([]*unstructured.Unstructured, error) {
	var objects []*unstructured.Unstructured
	for _, path := range paths {
		files := []string{path}
		if about, err := os.Stat(path); err != nil {
			return nil, err
		} else if about.IsDir() {
			if files, err = filepath.Glob(filepath.Join(path, "*.yaml")); err != nil {
				return nil, err
			}
			sort.Strings(files)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				return nil, err
			}
			found, err := parseObjects(text)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
			objects = append(objects, found...)
		}
	}
	if len(objects) == 0 {
		return nil, fmt.Errorf("nothing to apply in %q", paths)
	}
	return objects, nil
}

func parseObjects(text []byte) ([]*unstructured.Unstructured, error) {
	var objects []*unstructured.Unstructured
	reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, err
		}
		object := &unstructured.Unstructured{}
		if err := yaml.Unmarshal(document, &object.Object); err != nil {
			return nil, err
		}
		// A document of comments alone is empty.
		if len(object.Object) > 0 {
			objects = append(objects, object)
		}
	}
}
