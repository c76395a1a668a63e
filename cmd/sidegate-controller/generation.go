package main

import (
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A generation identifies what all the objects that a pod mounts hold: a hash of
// their names, UIDs and resource versions. It depends on nothing else, so every
// controller, today's and the one after a restart, finds the same for the same
// contents; a pod that has it in its annotation needs no touch, and one that has
// another was missed. 0 is that of a pod which mounts nothing.
//
// Resource versions also change when labels do, which costs a touch for nothing.
// A hash of the contents would not, but then each change would have to be
// fetched before it could be acted on, and a digest of a private key would stand
// in an annotation.
type generation uint64

// generationOf returns the generation of pod, of which metadata finds the
// objects.
func generationOf(pod *metav1.PartialObjectMetadata, metadata func(object) *metav1.PartialObjectMetadata) generation {
	objects := objectsOf(pod)
	if len(objects) == 0 {
		return 0
	}
	h := fnv.New64a()
	for _, o := range objects {
		uid, version := "absent", ""
		if m := metadata(o); m != nil {
			uid, version = string(m.UID), m.ResourceVersion
		}
		fmt.Fprintf(h, "%s\n%s\n%s\n", o, uid, version)
	}
	return generation(max(h.Sum64(), 1))
}

// secondMark ends the annotation of a pod that was touched twice.
const secondMark = "-2"

// annotation returns the value that says that a pod was touched for g once, or
// twice: a kubelet acts on a value that differs.
func (g generation) annotation(second bool) string {
	text := fmt.Sprintf("%016x", uint64(g))
	if second {
		text += secondMark
	}
	return text
}

// annotatedGeneration returns the generation for which a pod was touched last;
// 0 if it was never, or if that cannot be read.
func annotatedGeneration(pod *metav1.PartialObjectMetadata) generation {
	text := strings.TrimSuffix(pod.Annotations[syncedAnnotation], secondMark)
	if len(text) != 16 {
		return 0
	}
	g, err := strconv.ParseUint(text, 16, 64)
	if err != nil {
		return 0
	}
	return generation(g)
}
