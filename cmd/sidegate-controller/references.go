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
	rolePair   role = 1 << iota // a served certificate and its key
	roleCA                      // a directory of CA files
	roleConfig                  // a whole configuration
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
	add := func(annotation string, k kind, name string, r role) {
		if bad := validation.IsDNS1123Subdomain(name); len(bad) > 0 {
			wrong = append(wrong, fmt.Sprintf("%s is %s, which is no name of a %s", annotation, shown(pod.Annotations[annotation]), k))
			return
		}
		refs = append(refs, reference{object{k, pod.Namespace, name}, r})
	}
	if name, ok := pod.Annotations[tlsSecretAnnotation]; ok {
		add(tlsSecretAnnotation, secret, name, rolePair)
	}
	if value, ok := pod.Annotations[clientCAAnnotation]; ok {
		switch prefix, name, _ := strings.Cut(value, "/"); prefix {
		case "secret":
			add(clientCAAnnotation, secret, name, roleCA)
		case "configmap":
			add(clientCAAnnotation, configMap, name, roleCA)
		default:
			wrong = append(wrong, fmt.Sprintf("%s is %s; write configmap/NAME or secret/NAME", clientCAAnnotation, shown(value)))
		}
	}
	if name, ok := pod.Annotations[configAnnotation]; ok {
		add(configAnnotation, configMap, name, roleConfig)
	}
	return refs, wrong
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
