package main

import (
	"cmp"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// What an egress needs is mounted by the component as by the library chart, in
// whatever order, and by the component only where it was asked for.
func TestTheEgressComponentMountsWhatTheLibraryMounts(t *testing.T) {
	pods := map[string]corev1.PodTemplateSpec{}
	for _, object := range parseManifest(t, kustomize(t, "testdata/egress")) {
		pods[object.(metav1.Object).GetName()] = *podTemplate(object)
	}
	const both = `{"sidegate": {"config": "sidegate-config", "tlsSecret": "sidegate-tls", "clientCA": {"configMap": "sidegate-ca"}`
	const egress = `, "clientTLSSecret": "sidegate-client", "serverCA": {"configMap": "sidegate-partner-ca"}`
	for name, want := range map[string]corev1.PodTemplateSpec{
		"calls":     byLibrary(t, both+egress+"}}").pod,
		"neighbour": byLibrary(t, both+"}}").pod,
	} {
		got := pods[name]
		if diff := gocmp.Diff(want.Annotations, got.Annotations); diff != "" {
			t.Errorf("annotations of %s (-library +component):\n%s", name, diff)
		}
		anyOrder := []gocmp.Option{
			cmpopts.SortSlices(func(a, b corev1.Volume) int { return cmp.Compare(a.Name, b.Name) }),
			cmpopts.SortSlices(func(a, b corev1.VolumeMount) int { return cmp.Compare(a.Name, b.Name) }),
		}
		if diff := gocmp.Diff(sidegateVolumes(want), sidegateVolumes(got), anyOrder...); diff != "" {
			t.Errorf("volumes of %s (-library +component):\n%s", name, diff)
		}
		// What Kubernetes makes of the field that the component leaves out.
		sidecar := got.Spec.InitContainers[0]
		sidecar.ImagePullPolicy = corev1.PullIfNotPresent
		if diff := gocmp.Diff(want.Spec.InitContainers[0], sidecar, anyOrder...); diff != "" {
			t.Errorf("sidecar of %s (-library +component):\n%s", name, diff)
		}
		if n := len(got.Spec.InitContainers); n != 1 {
			t.Errorf("%s has %d init containers", name, n)
		}
	}
	if !slices.ContainsFunc(pods["calls"].Spec.Volumes, func(v corev1.Volume) bool { return v.Name == "sidegate-client" }) {
		t.Error("nothing is mounted for calls: this test sees nothing")
	}
}
