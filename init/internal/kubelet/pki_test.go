package kubelet

import (
	"crypto/tls"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func ensure(t *testing.T, dir string) bool {
	t.Helper()
	made, err := EnsureServingPair(dir, "node-1", time.Unix(1_800_000_000, 0))
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func TestTheServingPairIsMadeOnceAndCanServe(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "pki")
	if !ensure(t, dir) || ensure(t, dir) {
		t.Error("the pair was not made exactly once")
	}
	pair, err := tls.LoadX509KeyPair(dir+"/kubelet.crt", dir+"/kubelet.key")
	if err != nil {
		t.Fatal(err)
	}
	if err := pair.Leaf.VerifyHostname("node-1"); err != nil {
		t.Error(err)
	}
	if info, _ := os.Stat(dir + "/kubelet.key"); info.Mode().Perm() != 0o600 {
		t.Errorf("key: %v", info.Mode())
	}
}

func TestADamagedPairIsMadeAgain(t *testing.T) {
	other := filepath.Join(t.TempDir(), "pki")
	ensure(t, other)
	strange, _ := os.ReadFile(other + "/kubelet.key")
	for name, damage := range map[string]func(dir string){
		"no key":         func(dir string) { os.Remove(dir + "/kubelet.key") },
		"no certificate": func(dir string) { os.Remove(dir + "/kubelet.crt") },
		"empty":          func(dir string) { os.WriteFile(dir+"/kubelet.crt", nil, 0o644) },
		"another's key":  func(dir string) { os.WriteFile(dir+"/kubelet.key", strange, 0o600) },
	} {
		dir := filepath.Join(t.TempDir(), "pki")
		ensure(t, dir)
		damage(dir)
		if !ensure(t, dir) {
			t.Errorf("%s: the pair was kept", name)
		}
		if _, err := tls.LoadX509KeyPair(dir+"/kubelet.crt", dir+"/kubelet.key"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
