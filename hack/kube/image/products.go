package main

import v1 "github.com/google/go-containerregistry/pkg/v1"

// Where the source is, for the labels and the bill of materials.
const (
	sourceURL = "https://github.com/sidegate/sidegate"
	license   = "Apache-2.0" // as SPDX spells it
)

// user is who the binaries run as: a number, so that runAsNonRoot can be
// checked without a passwd file.
const user = "65532:65532"

// A product is a command below cmd/ that is shipped as an image. The
// Dockerfile has a stage of the same name that says the same; a test compares
// them.
type product struct {
	command     string   // the directory below cmd/, the file at / and the entrypoint
	title       string   // a label, as is description
	description string   // one line
	args        []string // the default arguments; none if it needs none
	ports       []int    // TCP; for people to read, since nothing depends on them
}

var products = []product{
	{
		command:     "sidegate",
		title:       "Sidegate",
		description: "Mutual TLS sidecar for Kubernetes",
		args:        []string{"run", "--config", "/etc/sidegate/config/sidegate.yaml"},
		ports:       []int{8443, 9901},
	},
	{
		command:     "sidegate-controller",
		title:       "Sidegate controller",
		description: "Brings renewed certificates to Sidegate at once and warns before they expire",
		ports:       []int{9901},
	},
}

func productNames() (names []string) {
	for _, p := range products {
		names = append(names, p.command)
	}
	return names
}

// labels are what the image says about itself, in the words that the OCI image
// specification defines. They stand in the configuration, where docker inspect
// shows them, and in the manifests, where registries read them.
func (i image) labels() map[string]string {
	labels := map[string]string{
		"org.opencontainers.image.title":       i.title,
		"org.opencontainers.image.description": i.description,
		"org.opencontainers.image.source":      sourceURL,
		"org.opencontainers.image.licenses":    license,
		"org.opencontainers.image.version":     i.opts.version,
		"org.opencontainers.image.created":     i.opts.created.Format("2006-01-02T15:04:05Z"),
	}
	if i.opts.revision != "" {
		labels["org.opencontainers.image.revision"] = i.opts.revision
	}
	return labels
}

// config is how a container of the image is started.
func (i image) config() v1.Config {
	return v1.Config{
		User:         user,
		Entrypoint:   []string{"/" + i.command},
		Cmd:          i.args,
		ExposedPorts: i.exposed(),
		Labels:       i.labels(),
	}
}
