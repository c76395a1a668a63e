package main

import (
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// kustomize returns what "kubectl kustomize" builds of dir.
func kustomize(t *testing.T, dir string) string {
	t.Helper()
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), dir)
	if err != nil {
		t.Fatal(err)
	}
	text, err := built.AsYaml()
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A packaging is what one way of deployment gives to Kubernetes.
type packaging struct {
	pod     corev1.PodTemplateSpec
	service corev1.Service
	config  corev1.ConfigMap
}

// take takes text apart, which must have one Deployment and one Service.
func take(t *testing.T, text string) (p packaging) {
	t.Helper()
	for _, object := range parseManifest(t, text) {
		switch o := object.(type) {
		case *appsv1.Deployment:
			p.pod = o.Spec.Template
		case *corev1.Service:
			p.service = *o
		case *corev1.ConfigMap:
			if _, ok := o.Data["sidegate.yaml"]; ok {
				p.config = *o
			}
		}
	}
	if len(p.pod.Spec.InitContainers) == 0 || len(p.service.Spec.Ports) == 0 {
		t.Fatalf("no sidecar, or no Service, in\n%s", text)
	}
	// What Kubernetes makes of the fields that the manifests leave out.
	for i := range p.pod.Spec.InitContainers {
		if c := &p.pod.Spec.InitContainers[i]; c.ImagePullPolicy == "" {
			c.ImagePullPolicy = corev1.PullIfNotPresent
		}
	}
	return p
}

// byLibrary returns what the chart of an application with the library makes.
func byLibrary(t *testing.T, values string) packaging {
	t.Helper()
	files := mustRender(t, "../../../charts/sidegate-lib-example", []byte(values))
	maps.DeleteFunc(files, func(file, _ string) bool { return path.Base(file) == "NOTES.txt" })
	return take(t, joined(files))
}

// packagings returns what the library chart, the component and the plain
// manifests make, of the same wish.
func packagings(t *testing.T) map[string]packaging {
	t.Helper()
	return map[string]packaging{
		"plain":   take(t, kustomize(t, "../../../deploy/plain")),
		"example": take(t, kustomize(t, "../../../deploy/example")),
		"library as plain": byLibrary(t, `{"sidegate": {"tlsSecret": "webhook-tls", "clientCA": {"configMap": "partner-ca"},
			"config": "webhook-sidegate", "podHasFSGroup": true}}`),
		"library as example": byLibrary(t, `{"sidegate": {"tlsSecret": "sidegate-tls", "clientCA": {"configMap": "sidegate-ca"},
			"config": "sidegate-config"}}`),
	}
}

func TestTheSidecarIsTheSameInEveryPackaging(t *testing.T) {
	all := packagings(t)
	want := all["plain"].pod.Spec.InitContainers[0]
	for name, p := range all {
		if diff := cmp.Diff(want, p.pod.Spec.InitContainers[0]); diff != "" {
			t.Errorf("the sidecar of %s is not that of plain:\n%s", name, diff)
		}
	}
}

func TestLibraryAndManifestsMountAndSayTheSame(t *testing.T) {
	all := packagings(t)
	for _, name := range []string{"plain", "example"} {
		want, got := all[name].pod, all["library as "+name].pod
		if diff := cmp.Diff(sidegateVolumes(want), sidegateVolumes(got)); diff != "" {
			t.Errorf("volumes of %s (-) and the library (+):\n%s", name, diff)
		}
		if diff := cmp.Diff(want.Annotations, got.Annotations); diff != "" {
			t.Errorf("annotations of %s (-) and the library (+):\n%s", name, diff)
		}
		if diff := cmp.Diff(want.Labels["sidegate.dev/sidecar"], got.Labels["sidegate.dev/sidecar"]); diff != "" {
			t.Errorf("label sidegate.dev/sidecar of %s (-) and the library (+):\n%s", name, diff)
		}
	}
}

func sidegateVolumes(pod corev1.PodTemplateSpec) []corev1.Volume {
	return slices.DeleteFunc(slices.Clone(pod.Spec.Volumes), func(v corev1.Volume) bool {
		return !strings.HasPrefix(v.Name, "sidegate-")
	})
}

func TestTheSidecarComesFirstAndTheServiceLeadsToIt(t *testing.T) {
	for name, p := range packagings(t) {
		first := p.pod.Spec.InitContainers[0]
		if first.Name != "sidegate" || first.RestartPolicy == nil || *first.RestartPolicy != corev1.ContainerRestartPolicyAlways {
			t.Errorf("%s: the first init container is %q, with restart policy %v", name, first.Name, first.RestartPolicy)
		}
		if got := p.service.Spec.Ports[0].TargetPort; got != intstr.FromString("mtls") {
			t.Errorf("%s: the Service leads to %v, past the gate", name, &got)
		}
		if mounts := p.pod.Spec.Containers[0].VolumeMounts; slices.ContainsFunc(mounts, func(m corev1.VolumeMount) bool {
			return strings.HasPrefix(m.Name, "sidegate-")
		}) {
			t.Errorf("%s: the application mounts %v; the private key is for the gate alone", name, mounts)
		}
	}
}

// What must be filled in is refused until it is, and with it everything is fine.
func TestPlaceholdersAreRefused(t *testing.T) {
	sidegate := filepath.Join(t.TempDir(), "sidegate")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", sidegate, "./cmd/sidegate")
	build.Dir = "../../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build sidegate: %v\n%s", err, out)
	}
	for _, name := range []string{"plain", "example"} {
		t.Run(name, func(t *testing.T) {
			text := packagings(t)[name].config.Data["sidegate.yaml"]
			const complaint, missing = "ingress[0].allow[0].subject", "/etc/sidegate/tls: does not exist"
			if got := refusal(t, sidegate, text); !strings.Contains(got, complaint) {
				t.Errorf("sidegate takes the placeholder, or does not say where it is: %s", got)
			}
			text = strings.Replace(text, "REPLACE-ME: the Subject of the partner's certificate", "CN=partner.example,O=Partner SA,C=BE", 1)
			if got := refusal(t, sidegate, text); strings.Contains(got, complaint) || !strings.Contains(got, missing) {
				t.Errorf("with a Subject, sidegate should miss the certificate and the CA alone: %s", got)
			}
			text = strings.Replace(text, "/etc/sidegate/ca", placeholderCA(t), 1)
			if got := refusal(t, sidegate, text); !strings.Contains(got, "partner-ca.crt: is not PEM") {
				t.Errorf("sidegate takes the placeholder of the CA: %s", got)
			}
		})
	}
}

// placeholderCA returns a folder with the CA of deploy/plain, as it is mounted.
func placeholderCA(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, object := range parseManifest(t, kustomize(t, "../../../deploy/plain")) {
		if ca, ok := object.(*corev1.ConfigMap); ok && ca.Name == "partner-ca" {
			for file, text := range ca.Data {
				if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	return dir
}

// refusal returns why sidegate does not start with a configuration.
func refusal(t *testing.T, sidegate, config string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "sidegate.yaml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), sidegate, "run", "--config", file).CombinedOutput()
	if err == nil {
		t.Fatalf("sidegate ended without an error: %s", out)
	}
	return string(out)
}

// Nobody shall be able to deploy a key that others have read here.
func TestNoKeyIsInTheManifests(t *testing.T) {
	files, err := filepath.Glob("../../../deploy/*/*")
	if err != nil || len(files) == 0 {
		t.Fatalf("no manifests: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "-----BEGIN") {
			t.Errorf("%s holds something in PEM", file)
		}
	}
}
