package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestManifestsAreReadAsTheAPIServerWouldStoreThem(t *testing.T) {
	files := func(keysAndValues ...string) map[string][]byte {
		m := map[string][]byte{}
		for i := 0; i < len(keysAndValues); i += 2 {
			m[keysAndValues[i]] = []byte(keysAndValues[i+1])
		}
		return m
	}
	for name, test := range map[string]struct {
		text string
		want []Manifest
	}{
		"a TLS Secret": {
			"apiVersion: v1\nkind: Secret\ntype: kubernetes.io/tls\nmetadata: {name: web, namespace: shop}\ndata: {tls.crt: Y2VydA==, tls.key: a2V5}\n",
			[]Manifest{{Kind: "Secret", Namespace: "shop", Name: "web", Type: "kubernetes.io/tls", Files: files("tls.crt", "cert", "tls.key", "key")}},
		},
		"base64 in several lines": {
			"kind: Secret\nmetadata: {name: web}\ndata:\n  tls.crt: |\n    Y2Vy\n    dA==\n",
			[]Manifest{{Kind: "Secret", Name: "web", Files: files("tls.crt", "cert")}},
		},
		"stringData wins over data": {
			"kind: Secret\nmetadata: {name: web}\ndata: {a: b2xk, b: Yg==}\nstringData: {a: new}\n",
			[]Manifest{{Kind: "Secret", Name: "web", Files: files("a", "new", "b", "b")}},
		},
		"a ConfigMap has plain data": {
			"kind: ConfigMap\nmetadata: {name: ca}\ndata: {ca.crt: text}\nbinaryData: {ca.der: AAE=}\n",
			[]Manifest{{Kind: "ConfigMap", Name: "ca", Files: files("ca.crt", "text", "ca.der", "\x00\x01")}},
		},
		"JSON": {
			`{"apiVersion":"v1","kind":"Secret","metadata":{"name":"web"},"data":{"tls.crt":"Y2VydA=="}}`,
			[]Manifest{{Kind: "Secret", Name: "web", Files: files("tls.crt", "cert")}},
		},
		"several documents, a List, and other kinds that use the same keys otherwise": {
			"kind: Service\nspec: {type: [x]}\ndata: [1]\ntype: {a: b}\n---\n---\nkind: List\nitems:\n- kind: Secret\n  metadata: {name: one}\n- kind: Pod\n---\nkind: Secret\nmetadata: {name: two}\n",
			[]Manifest{{Kind: "Secret", Name: "one", Files: files()}, {Kind: "Secret", Name: "two", Files: files()}},
		},
		"a value that is null is empty, and so is data": {
			"kind: Secret\nmetadata: {name: web}\ndata:\nstringData: {a: }\n",
			[]Manifest{{Kind: "Secret", Name: "web", Files: files("a", "")}},
		},
		"an alias in an object of another kind": {"kind: Deployment\nspec: {a: &a [1], b: *a}\n", nil},
		"nothing":                               {"", nil},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Manifests([]byte(test.text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestManifestsThatCannotBeReadTellNoSecret(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"no base64":          {"kind: Secret\nmetadata: {name: web, namespace: shop}\ndata: {tls.key: hush hush}\n", `"shop/secret/web": the value of "tls.key" is not base64; write plain text under stringData`},
		"a value is a list":  {"kind: Secret\nmetadata: {name: web}\ndata:\n  a: [hush]\n", `"secret/web": line 4: the values are not all text`},
		"no YAML":            {"kind: Secret\ndata: {a: hush\n", "it is not YAML"},
		"names are mappings": {"kind: Secret\nmetadata: {name: {hush: x}}\n", "it is not YAML, or not the manifest of a Kubernetes object"},
		"too large":          {strings.Repeat("#", maxManifest+1), "larger than 16 MiB"},
		"an alias bomb": {"a: &a [hush,hush,hush,hush,hush,hush,hush,hush,hush]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n" +
			"d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\nkind: Secret\nmetadata: {name: web}\ndata: {a: *d}\n", "line 2: an alias (*name) stands there for something else"},
		"an alias in a List":  {"kind: List\nitems: [&a {kind: Secret}, *a]\n", "line 2: an alias (*name)"},
		"a number":            {"kind: Secret\nmetadata: {name: web}\nstringData: {port: 8443}\n", `"secret/web": line 3: the values are not all text; put numbers and the like into quotes`},
		"data that is a list": {"kind: Secret\nmetadata: {name: web}\ndata: [hush]\n", `"secret/web": line 3: the values are not all text`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Manifests([]byte(test.text))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("error %v, want one with %q", err, test.want)
			}
			if strings.Contains(err.Error(), "hush") {
				t.Errorf("the error quotes a value: %v", err)
			}
		})
	}
}

func TestOneBadManifestDoesNotHideTheOthers(t *testing.T) {
	found, err := Manifests([]byte("kind: Secret\nmetadata: {name: bad}\ndata: {a: '!'}\n---\nkind: Secret\nmetadata: {name: good}\n"))
	if err == nil || len(found) != 1 || found[0].Name != "good" {
		t.Errorf("found %v, error %v", found, err)
	}
}

func FuzzManifests(f *testing.F) {
	f.Add([]byte("kind: Secret\nmetadata: {name: web}\ndata: {a: b2xk, b: Yg==}\nstringData: {a: new}\n"))
	f.Add([]byte("kind: List\nitems: [{kind: ConfigMap, data: {a: b}, binaryData: {c: AAE=}}]\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		found, _ := Manifests(data)
		for _, m := range found {
			if m.Kind != "Secret" && m.Kind != "ConfigMap" || m.Files == nil {
				t.Errorf("%+v", m)
			}
		}
	})
}
