//go:build e2e

package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// programs are what the node calls, each with the Debian package it is in.
var programs = []struct{ name, pkg string }{
	{"containerd", "containerd"},
	{"ctr", "containerd"},
	{"runc", "runc"},
	{"iptables", "iptables"},
	{"nft", "nftables"},
	{"conntrack", "conntrack"},
	{"ip", "iproute2"},
	{"mount", "mount"},
	{"umount", "mount"},
	{"hostname", "hostname"},
	{"awk", "mawk"},
	{"bash", "bash"},
}

// plugins are the CNI plugins that the node's network is made of.
var plugins = []string{"bridge", "host-local", "loopback", "portmap"}

// prerequisites returns the folder of the CNI plugins, or an error that names
// everything this machine lacks, with the command that brings it.
func prerequisites() (cniDir string, err error) {
	var missing, packages []string
	if os.Geteuid() != 0 {
		missing = append(missing, "root: a node mounts, makes namespaces and routes (run it with sudo)")
	}
	for _, p := range programs {
		if _, err := exec.LookPath(p.name); err != nil {
			missing, packages = append(missing, p.name), append(packages, p.pkg)
		}
	}
	if cniDir, err = findPlugins("/usr/lib/cni", "/opt/cni/bin"); err != nil {
		missing, packages = append(missing, err.Error()), append(packages, "containernetworking-plugins")
	}
	if own, err := ownCgroups(); err != nil || len(own) == 0 {
		missing = append(missing, "cgroup v1 hierarchies: this node does not know how to live in cgroup v2 alone")
	}
	if len(missing) == 0 {
		return cniDir, nil
	}
	text := "this machine lacks what a Kubernetes node needs:\n  - " + strings.Join(missing, "\n  - ")
	if len(packages) > 0 {
		text += "\non Debian or Ubuntu: apt-get install --no-install-recommends " + strings.Join(distinct(packages), " ")
	}
	return "", errors.New(text)
}

// findPlugins returns the first folder that has all the plugins.
func findPlugins(dirs ...string) (string, error) {
	for _, dir := range dirs {
		has := 0
		for _, plugin := range plugins {
			if _, err := exec.LookPath(filepath.Join(dir, plugin)); err == nil {
				has++
			}
		}
		if has == len(plugins) {
			return dir, nil
		}
	}
	return "", fmt.Errorf("CNI plugins %s in one of %s", strings.Join(plugins, ", "), strings.Join(dirs, ", "))
}

// distinct returns the words without repetitions, in their order.
func distinct(words []string) (once []string) {
	seen := map[string]bool{}
	for _, w := range words {
		if !seen[w] {
			once = append(once, w)
		}
		seen[w] = true
	}
	return once
}

// withSystemPath adds the folders of the administrator's programs to PATH,
// where an ordinary account has not got them.
func withSystemPath() error {
	return os.Setenv("PATH", os.Getenv("PATH")+":/usr/local/sbin:/usr/sbin:/sbin")
}
