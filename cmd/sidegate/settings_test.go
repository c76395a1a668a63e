package main

import (
	"crypto/tls"
	"go/ast"
	"go/parser"
	"go/token"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/sidegate/sidegate/proxy"
	"github.com/sidegate/sidegate/proxy/config"
	"github.com/sidegate/sidegate/proxy/policy"
	"github.com/sidegate/sidegate/proxy/subject"
)

// notInPlan are the fields of an ingress that are not for the proxy, each for
// the reason beside it.
var notInPlan = map[string]string{
	"Name":             "is given to the Ingress beside its settings",
	"Listen":           "is the sidecar's",
	"UpstreamNotLocal": "is what validation asks for",
	"Allow":            "arrives as Policy",
	"Deny":             "arrives as Policy",
	"Report":           "arrives as Policy",
}

// A field that is forgotten in planOf is a setting that does nothing, and with
// some of them a gate that is open.
func TestEveryFieldOfAnIngressArrivesInItsPlan(t *testing.T) {
	base := config.DefaultIngress()
	before := planOf(&base, config.Log{})
	eachField(reflect.TypeFor[config.Ingress](), nil, func(name string, index []int) {
		in := config.DefaultIngress()
		field := reflect.ValueOf(&in).Elem().FieldByIndex(index)
		if notInPlan[name] != "" {
			return
		}
		other(t, name, field)
		if reflect.DeepEqual(planOf(&in, config.Log{}), before) {
			t.Errorf("ingress.%s does not arrive in the plan; map it in settings.go, or say in this test why not", name)
		}
	})
}

func TestEveryFieldOfTheSettingsIsSet(t *testing.T) {
	in := config.DefaultIngress()
	eachField(reflect.TypeFor[config.Ingress](), nil, func(name string, index []int) {
		if field := reflect.ValueOf(&in).Elem().FieldByIndex(index); field.IsZero() && notInPlan[name] == "" {
			other(t, name, field)
		}
	})
	s := *planOf(&in, config.Log{Requests: true}).settings
	eachField(reflect.TypeFor[proxy.Settings](), nil, func(name string, index []int) {
		if reflect.ValueOf(s).FieldByIndex(index).IsZero() {
			t.Errorf("no configuration sets proxy.Settings.%s", name)
		}
	})
}

// egressNotInPlan are the fields of an egress that are not for the proxy, likewise.
var egressNotInPlan = map[string]string{
	"Name":            "is given to the Egress beside its settings",
	"Listen":          "is the sidecar's",
	"IKnowThisIsOpen": "is what validation asks for",
}

func TestEveryFieldOfAnEgressArrivesInItsPlan(t *testing.T) {
	base := config.DefaultEgress()
	before := egressPlanOf(&base, config.Log{})
	eachField(reflect.TypeFor[config.Egress](), nil, func(name string, index []int) {
		out := config.DefaultEgress()
		if egressNotInPlan[name] != "" {
			return
		}
		other(t, name, reflect.ValueOf(&out).Elem().FieldByIndex(index))
		if reflect.DeepEqual(egressPlanOf(&out, config.Log{}), before) {
			t.Errorf("egress.%s does not arrive in the plan; map it in outlet.go, or say in this test why not", name)
		}
	})
}

func TestEveryFieldOfTheEgressSettingsIsSet(t *testing.T) {
	out := config.DefaultEgress()
	eachField(reflect.TypeFor[config.Egress](), nil, func(name string, index []int) {
		if field := reflect.ValueOf(&out).Elem().FieldByIndex(index); field.IsZero() {
			other(t, name, field)
		}
	})
	s := *egressPlanOf(&out, config.Log{Requests: true}).settings
	eachField(reflect.TypeFor[proxy.EgressSettings](), nil, func(name string, index []int) {
		if reflect.ValueOf(s).FieldByIndex(index).IsZero() && name != "Withdrawn" { // a reload sets that
			t.Errorf("no configuration sets proxy.EgressSettings.%s", name)
		}
	})
}

// eachField calls visit for every field of t, and for those of the structs in it
// that are groups of settings.
func eachField(t reflect.Type, above []int, visit func(name string, index []int)) {
	groups := []reflect.Type{reflect.TypeFor[config.Limits](), reflect.TypeFor[config.ProxyProtocol](), reflect.TypeFor[proxy.Limits]()}
	for i := range t.NumField() {
		f, index := t.Field(i), append(slices.Clone(above), i)
		if slices.Contains(groups, f.Type) {
			eachField(f.Type, index, visit)
		} else {
			visit(f.Name, index)
		}
	}
}

// other gives v a value that is neither zero nor the default.
func other(t *testing.T, name string, v reflect.Value) {
	t.Helper()
	yes := true
	special := map[reflect.Type]any{
		reflect.TypeFor[config.Upstream]():   config.Upstream{Scheme: config.H2C, Address: "127.0.0.1:1"},
		reflect.TypeFor[config.Usage]():      config.ClientOrServer,
		reflect.TypeFor[config.CRLPolicy]():  config.CRLStrict,
		reflect.TypeFor[config.Origin]():     config.Origin{Host: "other.example", Port: 8443},
		reflect.TypeFor[[]subject.Name]():    []subject.Name{must(subject.Parse("CN=other"))},
		reflect.TypeFor[config.Parts]():      config.Parts{Name: must(subject.Parse("CN=other"))},
		reflect.TypeFor[[]config.SHA256]():   []config.SHA256{{1}},
		reflect.TypeFor[config.TLSVersion](): config.TLSVersion(tls.VersionTLS13),
		reflect.TypeFor[[]config.Header]():   []config.Header{{Dialect: config.XFCC}},
		reflect.TypeFor[[]string]():          []string{"/other"},
		reflect.TypeFor[[]netip.Prefix]():    []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
		reflect.TypeFor[*bool]():             &yes,
		reflect.TypeFor[*policy.Policy]():    &policy.Policy{Rules: []policy.Rule{{Name: "other"}}},
	}
	if value, ok := special[v.Type()]; ok {
		v.Set(reflect.ValueOf(value))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString("/other")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(77 * time.Second))
	default:
		t.Fatalf("this test has no value for %s of type %s; add one", name, v.Type())
	}
}

func TestDialectsAndValuesAreKnownOnBothSides(t *testing.T) {
	if mine, theirs := config.Dialect("").Choices(), constantsOf(t, "Dialect"); !sameWords(mine, theirs) {
		t.Errorf("dialects of the configuration %q, of the proxy %q", mine, theirs)
	}
	if mine, theirs := config.HeaderValue("").Choices(), constantsOf(t, "Value"); !sameWords(mine, theirs) {
		t.Errorf("header values of the configuration %q, of the proxy %q", mine, theirs)
	}
	for _, d := range config.Dialect("").Choices() {
		accepts(t, config.Header{Dialect: config.Dialect(d)})
	}
	for _, v := range config.HeaderValue("").Choices() {
		accepts(t, config.Header{Name: "X-Own", Value: config.HeaderValue(v)})
	}
}

// accepts asserts that the proxy takes the header.
func accepts(t *testing.T, h config.Header) {
	t.Helper()
	in := config.DefaultIngress()
	in.Upstream = config.Upstream{Scheme: config.HTTP, Address: "127.0.0.1:1"}
	in.Headers = []config.Header{h}
	if err := planOf(&in, config.Log{}).settings.Check(); err != nil {
		t.Errorf("header %v: %v", h, err)
	}
}

// constantsOf returns the text constants of a type of package proxy.
func constantsOf(t *testing.T, typeName string) (texts []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../../proxy/dialects.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if id, ok := spec.Type.(*ast.Ident); ok && id.Name == typeName {
			for _, v := range spec.Values {
				texts = append(texts, must(strconv.Unquote(v.(*ast.BasicLit).Value)))
			}
		}
		return true
	})
	return texts
}

func sameWords(a, b []string) bool {
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	return len(a) > 0 && slices.Equal(a, b)
}

func TestUpstreamsKeepTheirMeaning(t *testing.T) {
	for _, text := range []string{"http://127.0.0.1:8080", "h2c://[::1]:9000", "unix:///run/app.sock"} {
		var u config.Upstream
		if err := u.UnmarshalText([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if got := urlOf(u).String(); got != text {
			t.Errorf("%s became %s", text, got)
		}
	}
}

func TestNoLimitOfBodiesIsNotTheDefault(t *testing.T) {
	if got := limitsOf(config.Limits{BodyBytes: 0}).BodyBytes; got >= 0 {
		t.Errorf("bodyBytes 0, which is no limit, became %d", got)
	}
}
