package main

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sidegate/sidegate/proxy/certs"
	"github.com/sidegate/sidegate/proxy/minica"
)

var partnerCRL = object{configMap, "shop", "lists"}

// list returns a revocation list of p's CA, in PEM.
func (p pki) list(o minica.CRLOptions) []byte {
	p.t.Helper()
	list, err := p.ca.CRLPEM(o)
	must(p.t, err)
	return list
}

func TestJudgementsOfRevocationLists(t *testing.T) {
	p := newPKI(t)
	good, old := p.list(minica.CRLOptions{}), p.list(minica.CRLOptions{NextUpdate: time.Now().Add(-time.Hour)})
	early := p.list(minica.CRLOptions{ThisUpdate: time.Now().Add(time.Hour)})
	der, err := p.ca.CRL(minica.CRLOptions{})
	must(t, err)
	leaf := p.pair(minica.Options{Subject: "CN=web"})["tls.crt"]
	for _, c := range []struct {
		what  string
		files certs.Contents
		own   bool // a configuration names the files
		want  []string
	}{
		{"a list in PEM", certs.Contents{"a.crl": good}, false, nil},
		{"a list in DER", certs.Contents{"a.crl": der}, false, nil},
		{"a list beside a CA", certs.Contents{"ca.pem": p.ca.PEM(), "ca.crt": p.ca.PEM(), "a.crl": good}, false, nil},
		{"two lists in one key, of which one is old", certs.Contents{"all.pem": slices.Concat(good, old)}, false, []string{reasonListExpired}},
		{"a list of later", certs.Contents{"a.crl": early}, false, []string{reasonNotUsable}},
		{"a delta", certs.Contents{"a.crl": delta(p)}, false, []string{reasonNotUsable}},
		{"garbage", certs.Contents{"a.crl": []byte("x")}, false, []string{reasonNotParsable}},
		{"DER that is cut short", certs.Contents{"a.crl": der[:len(der)-1]}, false, []string{reasonNotParsable}},
		{"PEM that is cut short", certs.Contents{"a.crl": good[:90]}, false, []string{reasonNotParsable}},
		{"a list that is whole and one that is not", certs.Contents{"a.crl": slices.Concat(good, good[:90])}, false, []string{reasonNotParsable}},
		{"certificates alone", certs.Contents{"a.pem": leaf, "b.crl": p.ca.Leaf.Raw}, false, []string{reasonNoList}},
		{"a list in capitals", certs.Contents{"ISSUING.CRL": good}, false, nil},
		{"lists by the names of openssl rehash", certs.Contents{"0a1b2c3d.r0": good, "0a1b2c3d.r70000": []byte("x")}, false, nil},
		{"a list by another name", certs.Contents{"a.txt": good}, false, []string{reasonNoList}},
		{"nothing", nil, false, []string{reasonNoList}},
		{"nothing, and a configuration", nil, true, nil},
		{"garbage, and a configuration", certs.Contents{"a.crl": []byte("x")}, true, []string{reasonNotParsable}},
	} {
		v := judge(partnerCRL, content{files: c.files}, use{roles: roleCRL, own: c.own}, time.Now())
		var got []string
		for _, f := range v.findings {
			got = append(got, f.reason)
			checkNote(t, f.note, string(good))
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: (-want +got) %s%+v", c.what, diff, v.findings)
		}
	}
}

// delta returns a list that says only what has changed since another.
func delta(p pki) []byte {
	p.t.Helper()
	return p.list(minica.CRLOptions{Number: 2, Change: func(template *x509.RevocationList) {
		indicator := pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 27}, Critical: true, Value: []byte{2, 1, 1}} // RFC 5280 §5.2.4
		template.ExtraExtensions = append(template.ExtraExtensions, indicator)
	}})
}

// A pod with flags asks for lists; whoever shares the object with it and names its
// files elsewhere asks for nothing.
func TestWhoAsksForRevocationLists(t *testing.T) {
	flags, own := podWith(map[string]string{crlAnnotation: "configmap/lists"}), podWith(map[string]string{crlAnnotation: "configmap/lists", configAnnotation: "gate"})
	for _, c := range []struct {
		what string
		pods []*metav1.PartialObjectMetadata
		own  bool
	}{
		{"flags", []*metav1.PartialObjectMetadata{flags}, false},
		{"a configuration", []*metav1.PartialObjectMetadata{own}, true},
		{"both", []*metav1.PartialObjectMetadata{own, flags}, false},
	} {
		if u := useOf(partnerCRL, c.pods); u.roles != roleCRL || u.own != c.own {
			t.Errorf("%s: %+v", c.what, u)
		}
	}
}

func TestRevocationListsAreLookedAfterLikeTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := newCluster(t), newPKI(t)
		c.settled(p)
		c.put(partnerCRL, certs.Contents{"a.crl": p.list(minica.CRLOptions{NextUpdate: time.Now().Add(time.Hour)})})
		c.run("shop", "a", map[string]string{tlsSecretAnnotation: "web", clientCAAnnotation: "configmap/partner", crlAnnotation: "configmap/lists"})
		c.run("shop", "b", mounts)
		ctl := c.control()
		time.Sleep(time.Hour - time.Second)
		c.wantTold("a second before the next list is due")
		time.Sleep(2 * time.Second)
		c.wantTold("a second after", "RevocationListExpired ConfigMap/lists", "RevocationListExpired Pod/a")

		touched, next := len(c.patches()), time.Now().Add(day)
		c.put(partnerCRL, certs.Contents{"a.crl": p.list(minica.CRLOptions{Number: 2, NextUpdate: next})})
		time.Sleep(time.Minute)
		if got := names(c.patches()[touched:]); !cmp.Equal(got, []string{"a", "a"}) {
			t.Errorf("touched %q, want a twice", got)
		}
		c.wantTold("a new list", "Recovered ConfigMap/lists", "Recovered Pod/a")
		series := fmt.Sprintf(`sidegate_controller_crl_next_update_timestamp_seconds{key="a.crl",kind="ConfigMap",name="lists",namespace="shop"} %g`, float64(next.Unix()))
		if text := string(ctl.metrics.registry.Append(nil)); !strings.Contains(text, "\n"+series+"\n") {
			t.Errorf("no series %s", series)
		}
	})
}
