//go:build e2e

package e2e

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"runtime"
	"time"
)

// The images of the tests, none of which is in a registry.
const (
	imagePrefix     = "localhost/sidegate"
	imageTag        = "e2e"
	pauseImage      = imagePrefix + "/pause:" + imageTag
	appImage        = imagePrefix + "/app:" + imageTag
	sidecarImage    = imagePrefix + "/sidegate:" + imageTag
	controllerImage = imagePrefix + "/sidegate-controller:" + imageTag
)

// writeImage writes an image that holds nothing but one static program, /name,
// as an OCI archive that containerd imports. The same input makes the same
// bytes.
func writeImage(w io.Writer, image, name string, program []byte) error {
	layer := tarball(map[string][]byte{name: program}, 0o755, name)
	type object = map[string]any
	blobs := map[string][]byte{}
	var order []string
	add := func(mediaType string, content []byte) object {
		sum := sha256.Sum256(content)
		path := "blobs/sha256/" + hex.EncodeToString(sum[:])
		blobs[path], order = content, append(order, path)
		return object{"mediaType": mediaType, "digest": "sha256:" + hex.EncodeToString(sum[:]), "size": len(content)}
	}
	layerDescriptor := add("application/vnd.oci.image.layer.v1.tar", layer)
	platform := object{"architecture": runtime.GOARCH, "os": "linux"}
	config := add("application/vnd.oci.image.config.v1+json", encode(object{
		"architecture": runtime.GOARCH, "os": "linux",
		"config": object{"Entrypoint": []string{"/" + name}, "User": "65532:65532", "Env": []string{"PATH=/"}},
		"rootfs": object{"type": "layers", "diff_ids": []any{layerDescriptor["digest"]}},
	}))
	manifest := add("application/vnd.oci.image.manifest.v1+json", encode(object{
		"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
		"config": config, "layers": []any{layerDescriptor},
	}))
	manifest["platform"] = platform
	manifest["annotations"] = object{"io.containerd.image.name": image}
	blobs["oci-layout"] = encode(object{"imageLayoutVersion": "1.0.0"})
	blobs["index.json"] = encode(object{"schemaVersion": 2, "manifests": []any{manifest}})
	_, err := w.Write(tarball(blobs, 0o644, append([]string{"oci-layout", "index.json"}, order...)...))
	return err
}

// tarball returns the files in this order, with nothing in them that changes
// from one run to the next.
func tarball(files map[string][]byte, mode int64, order ...string) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, name := range order {
		header := &tar.Header{Name: name, Mode: mode, Size: int64(len(files[name])), ModTime: time.Unix(0, 0)}
		if err := w.WriteHeader(header); err != nil {
			panic(err) // a buffer takes everything
		}
		_, _ = w.Write(files[name])
	}
	_ = w.Close()
	return b.Bytes()
}

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings, numbers, maps and lists of them
	}
	return b
}
