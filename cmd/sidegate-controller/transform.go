package main

import (
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// maxAnnotation is how much is kept of the value of an annotation, in bytes; the
// API server takes 256 KiB. No good value is as long, and as names have at most
// 253 bytes none becomes good by being cut.
const maxAnnotation = 512

// keepPod drops of a pod's metadata all but what is used.
func keepPod(obj any) (any, error) {
	return keep(obj, tlsSecretAnnotation, clientCAAnnotation, configAnnotation, clientTLSAnnotation, serverCAAnnotation, crlAnnotation, syncedAnnotation)
}

// keepObject drops of the metadata of a Secret or ConfigMap all but what is used.
func keepObject(obj any) (any, error) { return keep(obj) }

// keep replaces metadata by a copy of its identity and of the annotations named:
// the rest of it, such as who manages which field, is most of its size, and
// kubectl apply leaves the whole of a Secret in an annotation. It may be given
// its own results. What is no metadata is left alone: the tombstone of an object
// whose deletion was missed.
func keep(obj any, annotations ...string) (any, error) {
	m, ok := obj.(*metav1.PartialObjectMetadata)
	if !ok {
		return obj, nil
	}
	kept := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{
		Namespace: m.Namespace, Name: m.Name, UID: m.UID, ResourceVersion: m.ResourceVersion,
		DeletionTimestamp: m.DeletionTimestamp,
	}}
	for _, name := range annotations {
		if value, ok := m.Annotations[name]; ok {
			if kept.Annotations == nil {
				kept.Annotations = make(map[string]string, len(annotations))
			}
			kept.Annotations[name] = bounded(value)
		}
	}
	return kept, nil
}

// bounded returns the beginning of value, which does not keep all of it in
// memory.
func bounded(value string) string {
	if len(value) <= maxAnnotation {
		return value
	}
	return strings.Clone(value[:maxAnnotation])
}
