package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

// Who may come in: each is a user of the same name and a context in the kubeconfig. Only `admin`
// may do anything; what the others may, tests say by role bindings.
var users = []struct{ name, group string }{
	{"admin", "system:masters"},
	{"driver", ""},
	{"viewer", ""},
	{"nobody", ""},
}

// writeAccess writes the key that service accounts are signed with and the tokens; it returns the
// token of each user.
func writeAccess(folder string) (map[string]string, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	block := &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}
	if err := os.WriteFile(filepath.Join(folder, "accounts.key"), pem.EncodeToMemory(block), 0o600); err != nil {
		return nil, err
	}
	tokens := map[string]string{}
	var rows strings.Builder
	for _, user := range users {
		secret := make([]byte, 16)
		if _, err := rand.Read(secret); err != nil {
			return nil, err
		}
		tokens[user.name] = hex.EncodeToString(secret)
		row := []string{tokens[user.name], user.name, user.name}
		if user.group != "" {
			row = append(row, user.group)
		}
		fmt.Fprintln(&rows, strings.Join(row, ","))
	}
	return tokens, os.WriteFile(filepath.Join(folder, "tokens.csv"), []byte(rows.String()), 0o600)
}

// writeKubeconfig writes a context for each user. The server's certificate, made by itself, is the
// authority.
func writeKubeconfig(path, server, authority string, tokens map[string]string) error {
	certificate, err := os.ReadFile(authority)
	if err != nil {
		return err
	}
	config := api.NewConfig()
	config.Clusters["deckwatch-test"] = &api.Cluster{Server: server, CertificateAuthorityData: certificate}
	for _, user := range users {
		config.AuthInfos[user.name] = &api.AuthInfo{Token: tokens[user.name]}
		config.Contexts[user.name] = &api.Context{Cluster: "deckwatch-test", AuthInfo: user.name, Namespace: "default"}
	}
	config.CurrentContext = "admin"
	return clientcmd.WriteToFile(*config, path)
}
