package main

import (
	"bufio"
	"errors"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/yaml"
)

// customGroups are API groups whose types are no part of Kubernetes, so that
// their objects are not held against them here.
var customGroups = []string{"monitoring.coreos.com"}

func TestManifestsFitTheirTypes(t *testing.T) {
	forEachManifest(t, func(t *testing.T, text string) {
		objects := parseManifest(t, text)
		if len(objects) == 0 {
			t.Error("no object of Kubernetes is rendered: this test sees nothing")
		}
	})
}

func TestPodsAreRestricted(t *testing.T) {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	restricted := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
	forEachManifest(t, func(t *testing.T, text string) {
		for _, object := range parseManifest(t, text) {
			template := podTemplate(object)
			if template == nil {
				continue
			}
			result := policy.AggregateCheckResults(evaluator.EvaluatePod(restricted, &template.ObjectMeta, &template.Spec))
			if !result.Allowed {
				t.Errorf("%T %q violates the Pod Security Standard restricted: %s", object, object.(metav1.Object).GetName(), result.ForbiddenDetail())
			}
		}
	})
}

// forEachManifest runs test for what every good case of every chart renders, and
// for what kustomize builds of deploy/.
func forEachManifest(t *testing.T, test func(t *testing.T, text string)) {
	t.Helper()
	forEachRendered(t, func(t *testing.T, dir string, c cases) {
		for _, good := range c.Good {
			t.Run(good.Name, func(t *testing.T) {
				files := mustRender(t, dir, good.Values)
				maps.DeleteFunc(files, func(file, _ string) bool { return path.Base(file) == "NOTES.txt" })
				test(t, joined(files))
			})
		}
	})
	for _, dir := range []string{"plain", "example"} {
		t.Run("deploy/"+dir, func(t *testing.T) { test(t, kustomize(t, "../../../deploy/"+dir)) })
	}
}

// parseManifest returns the objects in text, as strictly as the API server does
// with --validate=strict: an unknown key, or one given twice, is an error.
func parseManifest(t *testing.T, text string) (objects []runtime.Object) {
	t.Helper()
	decoder := serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict).UniversalDeserializer()
	documents := utilyaml.NewYAMLReader(bufio.NewReader(strings.NewReader(text)))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return objects
		}
		if err != nil {
			t.Fatal(err)
		}
		var kind metav1.TypeMeta
		if err := yaml.Unmarshal(document, &kind); err != nil {
			t.Fatalf("%v in\n%s", err, document)
		}
		if kind == (metav1.TypeMeta{}) || slices.Contains(customGroups, kind.GroupVersionKind().Group) {
			continue
		}
		object, _, err := decoder.Decode(document, nil, nil)
		if err != nil {
			t.Errorf("%v in\n%s", err, document)
			continue
		}
		objects = append(objects, object)
	}
}

// podTemplate returns the pod that object is or makes; nil if it makes none.
func podTemplate(object runtime.Object) *corev1.PodTemplateSpec {
	switch o := object.(type) {
	case *appsv1.Deployment:
		return &o.Spec.Template
	case *appsv1.StatefulSet:
		return &o.Spec.Template
	case *appsv1.DaemonSet:
		return &o.Spec.Template
	case *batchv1.Job:
		return &o.Spec.Template
	case *batchv1.CronJob:
		return &o.Spec.JobTemplate.Spec.Template
	case *corev1.Pod:
		return &corev1.PodTemplateSpec{ObjectMeta: o.ObjectMeta, Spec: o.Spec}
	}
	return nil
}
