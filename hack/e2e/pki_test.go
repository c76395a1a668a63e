//go:build e2e

package e2e

import (
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"github.com/sidegate/sidegate/proxy/minica"
)

// writePKI makes what the node needs to believe itself: a CA, the API server's
// certificate, the key that signs service-account tokens, and two kubeconfigs
// with static tokens, the administrator's and the kubelet's.
func writePKI(run string) error {
	ca, err := minica.New(minica.Options{Subject: "CN=sidegate-e2e cluster"})
	if err != nil {
		return err
	}
	server, err := ca.Issue(minica.Options{
		Subject: "CN=kube-apiserver",
		DNS:     []string{"kubernetes", "kubernetes.default", "kubernetes.default.svc", "localhost"},
		IPs:     []net.IP{net.ParseIP(nodeIP), net.ParseIP(firstServiceIP), net.IPv4(127, 0, 0, 1)},
	})
	if err != nil {
		return err
	}
	accounts, err := ca.Issue(minica.Options{Subject: "CN=service accounts"})
	if err != nil {
		return err
	}
	verify, err := x509.MarshalPKIXPublicKey(accounts.Leaf.PublicKey)
	if err != nil {
		return err
	}
	admin, kubelet := rand.Text(), rand.Text()
	tokens := fmt.Sprintf("%s,admin,admin,system:masters\n%s,system:node:%s,%[3]s,system:nodes\n", admin, kubelet, nodeName)
	for name, content := range map[string][]byte{
		"pki/ca.crt":         ca.PEM(),
		"pki/apiserver.crt":  server.ChainPEM(),
		"pki/apiserver.key":  server.KeyPEM(),
		"pki/accounts.key":   accounts.KeyPEM(),
		"pki/accounts.pub":   pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: verify}),
		"pki/tokens.csv":     []byte(tokens),
		"kubeconfig":         []byte(furnish("kubeconfig.yaml", map[string]string{"RUN": run, "TOKEN": admin})),
		"kubelet.kubeconfig": []byte(furnish("kubeconfig.yaml", map[string]string{"RUN": run, "TOKEN": kubelet})),
	} {
		if err := os.WriteFile(filepath.Join(run, name), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}
