package policy_test

import (
	"fmt"
	"net/netip"
	"reflect"
	"testing"

	"github.com/sidegate/sidegate/proxy/policy"
	"github.com/sidegate/sidegate/proxy/subject"
)

// full returns a policy with something in every field, the same every time.
func full(t *testing.T) *policy.Policy {
	return &policy.Policy{
		Deny:   []policy.Denial{fullDenial(t, "one"), fullDenial(t, "two")},
		Rules:  []policy.Rule{fullRule(t, "first"), fullRule(t, "second")},
		Report: true,
	}
}

func fullDenial(t *testing.T, denial string) policy.Denial {
	return policy.Denial{
		Name:       denial,
		Subjects:   []subject.Name{name(t, digiteal), name(t, acme)},
		Issuer:     name(t, rootA),
		Serials:    []string{"0a"},
		CertSHA256: [][32]byte{{1}},
		SPKISHA256: [][32]byte{{2}},
	}
}

func fullRule(t *testing.T, rule string) policy.Rule {
	return policy.Rule{
		Name:       rule,
		Report:     true,
		Subjects:   []subject.Name{name(t, digiteal), name(t, acme)},
		SubjectHas: []subject.Attribute{attribute(t, "O", "Acme")},
		Issuer:     name(t, rootA),
		SAN: policy.SAN{
			DNS:   []string{"a.example"},
			URI:   []string{"urn:a"},
			Email: []string{"a@b.example"},
			IP:    []netip.Addr{netip.MustParseAddr("192.0.2.1")},
		},
		SPKISHA256: [][32]byte{{1}},
		CertSHA256: [][32]byte{{2}},
		Methods:    []string{"GET"},
		Paths:      []string{"/a"},
	}
}

func TestEqualPoliciesHaveEqualDigests(t *testing.T) {
	if first, second := full(t).Digest(), full(t).Digest(); first != second {
		t.Error("two equal policies have different digests")
	}
	var none *policy.Policy
	if none.Digest() != new(policy.Policy).Digest() {
		t.Error("no policy and the zero Policy have different digests")
	}
	empty := &policy.Policy{Rules: []policy.Rule{{Paths: []string{}}}}
	if absent := (&policy.Policy{Rules: []policy.Rule{{}}}); empty.Digest() != absent.Digest() {
		t.Error("an empty list and no list have different digests")
	}
}

// Every change of every field shows. The fields are found by reflection, so
// that a new one cannot be forgotten.
func TestAnyChangeChangesTheDigest(t *testing.T) {
	filled(t, reflect.ValueOf(full(t).Rules[0]), "Rule")
	filled(t, reflect.ValueOf(full(t).Deny[0]), "Denial")
	filled(t, reflect.ValueOf(*full(t)), "Policy")
	seen := map[[32]byte]string{full(t).Digest(): "no change"}
	count := 0
	for n := 0; ; n++ {
		p := full(t)
		m := mutation{t: t, left: n}
		m.walk(reflect.ValueOf(p).Elem(), "Policy")
		if m.done == "" {
			break
		}
		digest := p.Digest()
		if before, ok := seen[digest]; ok {
			t.Errorf("%s and %s have the same digest", m.done, before)
		}
		seen[digest] = m.done
		count++
	}
	if count < 70 {
		t.Errorf("only %d changes were tried", count)
	}
}

// filled fails the test if a field has no value that could be changed.
func filled(t *testing.T, v reflect.Value, at string) {
	t.Helper()
	for i := range v.NumField() {
		field, at := v.Field(i), at+"."+v.Type().Field(i).Name
		if field.IsZero() {
			t.Fatalf("%s is empty: give it a value in full", at)
		}
		if field.Type() == reflect.TypeFor[policy.SAN]() {
			filled(t, field, at)
		}
	}
}

// A mutation makes the left-th of all changes that can be made to a value.
type mutation struct {
	t    *testing.T
	left int
	done string
}

// try makes the change, if it is its turn.
func (m *mutation) try(what string, change func()) {
	if m.done != "" {
		return
	}
	if m.left == 0 {
		change()
		m.done = what
	}
	m.left--
}

func (m *mutation) walk(v reflect.Value, at string) {
	switch value := v.Addr().Interface().(type) {
	case *subject.Name:
		m.try(at+" another", func() { *value = name(m.t, "CN=another") })
		m.try(at+" none", func() { *value = subject.Name{} })
		return
	case *netip.Addr:
		m.try(at+" mapped", func() { *value = netip.MustParseAddr("::ffff:192.0.2.1") })
		m.try(at+" zoned", func() { *value = netip.MustParseAddr("::ffff:192.0.2.1%x") })
		m.try(at+" invalid", func() { *value = netip.Addr{} })
		return
	}
	switch v.Kind() {
	case reflect.String:
		m.try(at+" longer", func() { v.SetString(v.String() + "x") })
		m.try(at+" empty", func() { v.SetString("") })
	case reflect.Bool:
		m.try(at, func() { v.SetBool(!v.Bool()) })
	case reflect.Uint8:
		m.try(at, func() { v.SetUint(v.Uint() ^ 0x80) })
	case reflect.Array:
		m.walk(v.Index(0), at+"[first]")
		m.walk(v.Index(v.Len()-1), at+"[last]")
	case reflect.Struct:
		for i := range v.NumField() {
			m.walk(v.Field(i), at+"."+v.Type().Field(i).Name)
		}
	case reflect.Slice:
		m.slice(v, at)
	default:
		m.t.Fatalf("%s is a %s: teach this test to change it", at, v.Kind())
	}
}

// slice lengthens, shortens and reorders a list and changes what is in it.
func (m *mutation) slice(v reflect.Value, at string) {
	m.try(at+" one more", func() { v.Set(reflect.Append(v, reflect.Zero(v.Type().Elem()))) })
	if v.Len() > 1 {
		m.try(at+" one less", func() { v.Set(v.Slice(0, v.Len()-1)) })
		m.try(at+" in another order", func() { reflect.Swapper(v.Interface())(0, v.Len()-1) })
	}
	for i := range v.Len() {
		m.walk(v.Index(i), fmt.Sprintf("%s[%d]", at, i))
	}
}

// A Denial never looks like a rule.
func TestDigestKeepsDenialsAndRulesApart(t *testing.T) {
	names := []subject.Name{name(t, acme)}
	denied := &policy.Policy{Deny: []policy.Denial{{Name: "a", Subjects: names}}}
	allowed := &policy.Policy{Rules: []policy.Rule{{Name: "a", Subjects: names}}}
	if denied.Digest() == allowed.Digest() {
		t.Error("who is denied and who is allowed have the same digest")
	}
}

// A value that moves from one list to the next shows, too.
func TestDigestKeepsFieldsApart(t *testing.T) {
	seen := map[[32]byte]int{}
	for i, r := range []policy.Rule{
		{Name: "a"},
		{SAN: policy.SAN{DNS: []string{"a"}}},
		{SAN: policy.SAN{URI: []string{"a"}}},
		{SAN: policy.SAN{Email: []string{"a"}}},
		{Methods: []string{"a"}},
		{Paths: []string{"a"}},
		{Paths: []string{"a", ""}},
		{Paths: []string{"", "a"}},
		{SPKISHA256: [][32]byte{{1}}},
		{CertSHA256: [][32]byte{{1}}},
		{Subjects: []subject.Name{name(t, acme)}},
		{Issuer: name(t, acme)},
	} {
		digest := (&policy.Policy{Rules: []policy.Rule{r}}).Digest()
		if before, ok := seen[digest]; ok {
			t.Errorf("rules %d and %d have the same digest", before, i)
		}
		seen[digest] = i
	}
}
