package main

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func podWith(annotations map[string]string) *metav1.PartialObjectMetadata {
	return &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "a", Annotations: annotations}}
}

func TestWhatAPodMounts(t *testing.T) {
	for _, c := range []struct {
		what        string
		annotations map[string]string
		want        string
		wrong       string // parts of what is told, in order
	}{
		{"nothing", nil, "", ""},
		{"the usual two", map[string]string{tlsSecretAnnotation: "web", clientCAAnnotation: "configmap/partner"}, "Secret shop/web 1, ConfigMap shop/partner 2", ""},
		{"one Secret for both", map[string]string{tlsSecretAnnotation: "web", clientCAAnnotation: "secret/web"}, "Secret shop/web 1, Secret shop/web 2", ""},
		{"a configuration alone", map[string]string{configAnnotation: "gate"}, "ConfigMap shop/gate 4", ""},
		{"a name with dots", map[string]string{tlsSecretAnnotation: "web.example.com"}, "Secret shop/web.example.com 1", ""},
		{"what an egress needs", map[string]string{clientTLSAnnotation: "me", serverCAAnnotation: "configmap/partner"}, "Secret shop/me 8, ConfigMap shop/partner 16", ""},
		{"all there is", map[string]string{
			tlsSecretAnnotation: "web", clientCAAnnotation: "secret/web", configAnnotation: "gate", clientTLSAnnotation: "me", serverCAAnnotation: "secret/me", crlAnnotation: "secret/lists",
		}, "Secret shop/web 1, Secret shop/web 2, ConfigMap shop/gate 4, Secret shop/me 8, Secret shop/me 16, Secret shop/lists 32", ""},
		{"revocation lists", map[string]string{crlAnnotation: "configmap/lists"}, "ConfigMap shop/lists 32", ""},
		{"revocation lists without their kind", map[string]string{crlAnnotation: "lists"}, "", `crl is "lists"; write configmap/NAME or secret/NAME`},
		{"a CA of a server without its kind", map[string]string{serverCAAnnotation: "partner"}, "", `server-ca is "partner"; write configmap/NAME or secret/NAME`},
		{"a path for a client's Secret", map[string]string{clientTLSAnnotation: "../me"}, "", `client-tls-secret is "../me", which is no name of a Secret`},
		{"a CA without its kind", map[string]string{clientCAAnnotation: "partner"}, "", `client-ca is "partner"; write configmap/NAME or secret/NAME`},
		{"a CA of another kind", map[string]string{clientCAAnnotation: "Secret/web"}, "", "write configmap/NAME or secret/NAME"},
		{"a CA without a name", map[string]string{clientCAAnnotation: "secret/"}, "", "no name of a Secret"},
		{"an empty name", map[string]string{tlsSecretAnnotation: ""}, "", "no name of a Secret"},
		{"another namespace", map[string]string{tlsSecretAnnotation: "kube-system/token"}, "", "no name of a Secret"},
		{"a path", map[string]string{configAnnotation: "../../etc"}, "", "no name of a ConfigMap"},
		{"a query", map[string]string{clientCAAnnotation: "secret/web?watch=true"}, "", "no name of a Secret"},
		{"control characters", map[string]string{tlsSecretAnnotation: "a\x1b[31m\n\u202e"}, "", `"a\x1b[31m\n\u202e", which`},
		{"a very long name", map[string]string{tlsSecretAnnotation: strings.Repeat("a", 254)}, "", "…, which is no name"},
		{"bytes that are no text", map[string]string{tlsSecretAnnotation: "\xff\xfe"}, "", "no name of a Secret"},
	} {
		refs, wrong := referencesOf(podWith(c.annotations))
		var got []string
		for _, r := range refs {
			got = append(got, fmt.Sprintf("%s %d", r.object, r.role))
		}
		if diff := cmp.Diff(c.want, strings.Join(got, ", ")); diff != "" {
			t.Errorf("%s: %s", c.what, diff)
		}
		if told := strings.Join(wrong, "\n"); !strings.Contains(told, c.wrong) || (told == "") != (c.wrong == "") || len(told) > 400 {
			t.Errorf("%s: told %q, want %q", c.what, told, c.wrong)
		}
	}
}

func TestAGenerationChangesWithWhatIsMounted(t *testing.T) {
	at := func(versions map[string]string) func(object) *metav1.PartialObjectMetadata {
		return func(o object) *metav1.PartialObjectMetadata {
			v, ok := versions[o.name]
			if !ok {
				return nil
			}
			return &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{UID: "u", ResourceVersion: v}}
		}
	}
	pod := podWith(mounts)
	base := generationOf(pod, at(map[string]string{"web": "1", "partner": "2"}))
	if again := generationOf(pod, at(map[string]string{"web": "1", "partner": "2", "other": "9"})); again != base {
		t.Error("the generation changed without a change of what is mounted")
	}
	for what, other := range map[string]map[string]string{
		"a changed Secret":    {"web": "3", "partner": "2"},
		"a changed ConfigMap": {"web": "1", "partner": "3"},
		"versions swapped":    {"web": "2", "partner": "1"},
		"a missing ConfigMap": {"web": "1"},
		"nothing at all":      nil,
	} {
		if g := generationOf(pod, at(other)); g == base || g == 0 {
			t.Errorf("%s: generation %x, base %x", what, g, base)
		}
	}
	if g := generationOf(podWith(nil), at(nil)); g != 0 {
		t.Errorf("a pod that mounts nothing has generation %x", g)
	}
}

func TestAnnotationsOfGenerations(t *testing.T) {
	for _, second := range []bool{false, true} {
		value := generation(0xbeef).annotation(second)
		if got := annotatedGeneration(podWith(map[string]string{syncedAnnotation: value})); got != 0xbeef {
			t.Errorf("%q is read as %x", value, got)
		}
	}
	for _, value := range []string{"", "-2", "x", "000000000000beefx", "zzzzzzzzzzzzzzzz", "+00000000000beef", strings.Repeat("1", 300)} {
		if got := annotatedGeneration(podWith(map[string]string{syncedAnnotation: value})); got != 0 {
			t.Errorf("%q is read as %x, want nothing", value, got)
		}
	}
}

func TestOnlyWhatIsUsedIsKept(t *testing.T) {
	used := map[string]string{tlsSecretAnnotation: "web", clientCAAnnotation: "secret/web", configAnnotation: "gate", clientTLSAnnotation: "me", serverCAAnnotation: "secret/me", crlAnnotation: "secret/lists"}
	full := podWith(maps.Clone(used))
	full.Annotations["kubectl.kubernetes.io/last-applied-configuration"] = "secret things"
	full.UID, full.ResourceVersion, full.Labels = "u", "7", map[string]string{"app": "web"}
	full.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "kubectl"}}
	kept, err := keepPod(full)
	must(t, err)
	want := podWith(used)
	want.UID, want.ResourceVersion = "u", "7"
	if diff := cmp.Diff(any(want), kept); diff != "" {
		t.Error(diff)
	}
	again, err := keepPod(kept)
	must(t, err)
	if diff := cmp.Diff(kept, again); diff != "" {
		t.Errorf("kept twice: %s", diff)
	}
	if none, err := keepObject(full); err != nil || none.(*metav1.PartialObjectMetadata).Annotations != nil {
		t.Errorf("of an object annotations are kept: %v, %v", none, err)
	}
	if other, err := keepPod("tombstone"); err != nil || other != "tombstone" {
		t.Errorf("what is no metadata became %v, %v", other, err)
	}
}

func TestLongAnnotationsAreCut(t *testing.T) {
	long := strings.Repeat("a", 260_000)
	kept, err := keepPod(podWith(map[string]string{
		tlsSecretAnnotation: long, clientCAAnnotation: "configmap/" + long, configAnnotation: long,
		clientTLSAnnotation: long, serverCAAnnotation: "secret/" + long, crlAnnotation: "secret/" + long, syncedAnnotation: long,
	}))
	must(t, err)
	pod := kept.(*metav1.PartialObjectMetadata)
	for name, value := range pod.Annotations {
		if len(value) > maxAnnotation {
			t.Errorf("%d bytes of %s are kept", len(value), name)
		}
	}
	if refs, wrong := referencesOf(pod); len(refs) > 0 || len(wrong) != 6 || len(pod.Annotations) != 7 {
		t.Errorf("what was cut became %v, %d wrong", refs, len(wrong))
	}
}
