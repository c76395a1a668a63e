package main

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sidegate/sidegate/proxy/certs"
	"github.com/sidegate/sidegate/proxy/minica"
)

// calls are the annotations of a pod with an egress.
var calls = map[string]string{configAnnotation: "gate", clientTLSAnnotation: "me", serverCAAnnotation: "configmap/servers"}

func TestWhatAnEgressMountsIsLookedAfterLikeTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := newCluster(t), newPKI(t)
		me, servers := object{secret, "shop", "me"}, object{configMap, "shop", "servers"}
		c.put(me, p.pair(minica.Options{Subject: "CN=me"}))
		c.put(servers, certs.Contents{"ca.crt": p.ca.PEM()})
		c.put(object{configMap, "shop", "gate"}, certs.Contents{configKey: []byte(goodConfig)})
		c.run("shop", "a", calls)
		c.run("shop", "stranger", map[string]string{configAnnotation: "gate"})
		c.control()
		time.Sleep(time.Minute)
		touched := len(c.patches())
		for _, change := range []func(){
			func() { c.put(me, p.pair(minica.Options{Subject: "CN=me"})) },
			func() { c.put(servers, certs.Contents{"ca.crt": newPKI(t).ca.PEM()}) },
		} {
			change()
			time.Sleep(time.Minute)
			if got := names(c.patches()[touched:]); !cmp.Equal(got, []string{"a", "a"}) {
				t.Errorf("touched %q, want a twice", got)
			}
			touched += 2
		}
		c.wantTold("renewed")
		broken := p.pair(minica.Options{Subject: "CN=me"})
		broken["tls.key"] = p.pair(minica.Options{Subject: "CN=other"})["tls.key"]
		c.put(me, broken)
		c.put(servers, certs.Contents{"ca.crt": p.ca.PEM()[:90]})
		time.Sleep(time.Minute)
		c.wantTold("both broken", "KeyMismatch Pod/a", "KeyMismatch Secret/me", "NotParsable ConfigMap/servers", "NotParsable Pod/a")
	})
}

// Whoever reads that a certificate ends must read whom it concerns.
func TestTheEndOfACertificateIsToldByWhatItIsFor(t *testing.T) {
	p := newPKI(t)
	past := minica.Options{Subject: "CN=old", NotBefore: time.Now().Add(-40 * day), NotAfter: time.Now().Add(-day)}
	ca, err := minica.New(past)
	must(t, err)
	old, oldCA := p.pair(past), certs.Contents{"ca.crt": ca.PEM()}
	const served, presented = "Clients refuse to connect", "Partners refuse the calls"
	const ofClients, ofServers = "Clients with certificates of this CA are refused", "Calls to a partner whose server"
	for _, c := range []struct {
		what   string
		files  certs.Contents
		roles  role
		has    []string
		hasNot []string
	}{
		{"a server certificate", old, rolePair, []string{served}, []string{presented}},
		{"a client certificate", old, roleClientPair, []string{presented}, []string{served}},
		{"one certificate for both", old, rolePair | roleClientPair, []string{served, strings.ToLower(presented[:1]) + presented[1:]}, nil},
		{"a CA of clients", oldCA, roleCA, []string{ofClients}, []string{ofServers}},
		{"a CA of a server", oldCA, roleServerCA, []string{ofServers}, []string{ofClients}},
	} {
		v := judge(webSecret, content{files: c.files}, use{roles: c.roles, own: true}, time.Now())
		if len(v.findings) != 1 || v.findings[0].reason != reasonExpired {
			t.Errorf("%s: findings %+v, want that it has expired, once", c.what, v.findings)
			continue
		}
		for _, part := range c.has {
			if !strings.Contains(v.findings[0].note, part) {
				t.Errorf("%s: the note lacks %q: %s", c.what, part, v.findings[0].note)
			}
		}
		for _, part := range c.hasNot {
			if strings.Contains(v.findings[0].note, part) {
				t.Errorf("%s: the note has %q: %s", c.what, part, v.findings[0].note)
			}
		}
	}
}

// One pod lets in clients by a flag, and another presents what lies beside the CA.
func TestAnObjectForFlagsAndForAnEgressIsJudgedForBoth(t *testing.T) {
	p := newPKI(t)
	old := p.pair(minica.Options{Subject: "CN=me", NotBefore: time.Now().Add(-40 * day), NotAfter: time.Now().Add(-day)})
	old["ca.crt"] = p.ca.PEM()[:90]
	flags, egress := podWith(map[string]string{clientCAAnnotation: "secret/web"}), podWith(map[string]string{clientTLSAnnotation: "web", configAnnotation: "gate"})
	for _, c := range []struct {
		what string
		pods []*metav1.PartialObjectMetadata
		own  bool
		want []string
	}{
		{"flags alone", []*metav1.PartialObjectMetadata{flags}, false, []string{reasonNotParsable}},
		{"an egress alone", []*metav1.PartialObjectMetadata{egress}, true, []string{reasonNotParsable, reasonExpired}},
		{"both", []*metav1.PartialObjectMetadata{flags, egress}, false, []string{reasonNotParsable, reasonExpired}},
		{"an egress whose configuration is elsewhere", []*metav1.PartialObjectMetadata{podWith(map[string]string{clientTLSAnnotation: "web"})}, true,
			[]string{reasonNotParsable, reasonExpired}},
	} {
		u := useOf(webSecret, c.pods)
		if u.own != c.own {
			t.Errorf("%s: own is %v", c.what, u.own)
		}
		var got []string
		for _, f := range judge(webSecret, content{files: old}, u, time.Now()).findings {
			got = append(got, f.reason)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: (-want +got) %s", c.what, diff)
		}
	}
}
