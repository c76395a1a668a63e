package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestTheComponentAddsAndLeavesTheRest(t *testing.T) {
	pods := map[string]corev1.PodTemplateSpec{}
	for _, object := range parseManifest(t, kustomize(t, "testdata/component")) {
		pods[object.(metav1.Object).GetName()] = *podTemplate(object)
	}

	for name, want := range map[string]struct{ init, volumes []string }{
		"with-lists": {[]string{"sidegate", "migrate"}, []string{"sidegate-tls", "sidegate-ca", "sidegate-config", "sidegate-no-token", "data"}},
		"bare":       {[]string{"sidegate"}, []string{"sidegate-tls", "sidegate-ca", "sidegate-config", "sidegate-no-token"}},
		"neighbour":  {nil, nil},
	} {
		pod := pods[name]
		var init, volumes []string
		for _, c := range pod.Spec.InitContainers {
			init = append(init, c.Name)
		}
		for _, v := range pod.Spec.Volumes {
			volumes = append(volumes, v.Name)
		}
		if diff := cmp.Diff(want.init, init); diff != "" {
			t.Errorf("init containers of %s (-want +got):\n%s", name, diff)
		}
		if diff := cmp.Diff(want.volumes, volumes); diff != "" {
			t.Errorf("volumes of %s (-want +got):\n%s", name, diff)
		}
		if got, want := pod.Labels["sidegate.dev/sidecar"] == "true", len(want.init) > 0; got != want {
			t.Errorf("the pod of %s says that it has the sidecar: %t, want %t", name, got, want)
		}
	}

	own := pods["with-lists"]
	if own.Annotations["example.com/mine"] != "kept" || *own.Spec.SecurityContext.FSGroup != 1000 || len(own.Spec.Containers[0].VolumeMounts) != 1 {
		t.Errorf("the component changed what is the application's own: %+v", own)
	}
}
