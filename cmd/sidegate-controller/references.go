package main

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
)

// The label and the annotations of a pod that runs the sidecar, as far as they
// matter here. Every packaging of the sidecar writes them.
const (
	sidecarLabel = "sidegate.dev/sidecar"

	tlsSecretAnnotation = "sidegate.dev/tls-secret"        // NAME of a Secret
	clientCAAnnotation  = "sidegate.dev/client-ca"         // configmap/NAME or secret/NAME
	configAnnotation    = "sidegate.dev/config"            // NAME of a ConfigMap
	clientTLSAnnotation = "sidegate.dev/client-tls-secret" // NAME of a Secret
	serverCAAnnotation  = "sidegate.dev/server-ca"         // configmap/NAME or secret/NAME
	crlAnnotation       = "sidegate.dev/crl"               // configmap/NAME or secret/NAME
	syncedAnnotation    = "sidegate.dev/synced-generation" // ours alone
)

// A kind is what an object is.
type kind string

const (
	secret    kind = "Secret"
	configMap kind = "ConfigMap"
)

// An object is a Secret or ConfigMap that somebody named. It may not exist.
type object struct {
	kind            kind
	namespace, name string
}

// String returns the object as logs name it. It is the key of the index from
// objects to pods, too.
func (o object) String() string { return string(o.kind) + " " + o.namespace + "/" + o.name }

// A role is what a pod takes an object for. A set of them is their sum.
type role uint8

const (
	rolePair       role = 1 << iota // a served certificate and its key
	roleCA                          // a directory of CA files, for clients
	roleConfig                      // a whole configuration
	roleClientPair                  // a certificate presented to a partner, and its key
	roleServerCA                    // a directory of CA files, for a partner's server
	roleCRL                         // a directory of revocation lists
)

// Flags can name objects in three roles, and find the files in them by their names.
// What an egress needs only a configuration can name, each file as it likes.
const (
	roleFlags  = rolePair | roleCA | roleCRL
	roleEgress = roleClientPair | roleServerCA
)

// A reference is one object that a pod mounts, and what for.
type reference struct {
	object
	role role
}

// referencesOf returns what pod mounts for its sidecar, by its annotations, each
// object once for each of its roles; and what is wrong with these, one sentence
// each: annotations are written by whoever may write pods, so a value that is
// not a name is never used as one.
func referencesOf(pod *metav1.PartialObjectMetadata) (refs []reference, wrong []string) {
	r := references{pod: pod}
	r.named(tlsSecretAnnotation, secret, rolePair)
	r.kindAndName(clientCAAnnotation, roleCA)
	r.named(configAnnotation, configMap, roleConfig)
	r.named(clientTLSAnnotation, secret, roleClientPair)
	r.kindAndName(serverCAAnnotation, roleServerCA)
	r.kindAndName(crlAnnotation, roleCRL)
	return r.refs, r.wrong
}

// references are those that were found in the annotations of pod so far.
type references struct {
	pod   *metav1.PartialObjectMetadata
	refs  []reference
	wrong []string
}

// named reads an annotation that is the name of an object.
func (r *references) named(annotation string, k kind, is role) {
	if name, ok := r.pod.Annotations[annotation]; ok {
		r.add(annotation, k, name, is)
	}
}

// kindAndName reads an annotation that has the kind before the name.
func (r *references) kindAndName(annotation string, is role) {
	value, ok := r.pod.Annotations[annotation]
	if !ok {
		return
	}
	switch prefix, name, _ := strings.Cut(value, "/"); prefix {
	case "secret":
		r.add(annotation, secret, name, is)
	case "configmap":
		r.add(annotation, configMap, name, is)
	default:
		r.wrong = append(r.wrong, fmt.Sprintf("%s is %s; write configmap/NAME or secret/NAME", annotation, shown(value)))
	}
}

func (r *references) add(annotation string, k kind, name string, is role) {
	if bad := validation.IsDNS1123Subdomain(name); len(bad) > 0 {
		r.wrong = append(r.wrong, fmt.Sprintf("%s is %s, which is no name of a %s", annotation, shown(r.pod.Annotations[annotation]), k))
		return
	}
	r.refs = append(r.refs, reference{object{k, r.pod.Namespace, name}, is})
}

// objectsOf returns the objects that pod mounts, each once.
func objectsOf(pod *metav1.PartialObjectMetadata) []object {
	refs, _ := referencesOf(pod)
	var objects []object
	for _, r := range refs {
		if !slices.Contains(objects, r.object) {
			objects = append(objects, r.object)
		}
	}
	return objects
}

// shown quotes what came from outside, and bounds it.
func shown(s string) string {
	const limit = 80
	if len(s) > limit {
		return fmt.Sprintf("%+q…", s[:limit])
	}
	return fmt.Sprintf("%+q", s)
}
