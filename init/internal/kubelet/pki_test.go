package kubelet

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

var made = time.Unix(1_800_000_000, 0)

const day = 24 * time.Hour

func ensure(t *testing.T, etc, host string, now time.Time) bool {
	t.Helper()
	made, err := EnsureServingPair(etc, host, now)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// pair loads the pair as kubelet does.
func pair(t *testing.T, etc string) *x509.Certificate {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(etc+"/kubernetes/pki/kubelet.crt", etc+"/kubernetes/pki/kubelet.key")
	if err != nil {
		t.Fatal(err)
	}
	return pair.Leaf
}

func TestTheServingPairIsMadeOnceAndCanServe(t *testing.T) {
	etc := t.TempDir()
	if !ensure(t, etc, "node-1", made) || ensure(t, etc, "node-1", made) {
		t.Error("the pair was not made exactly once")
	}
	if err := pair(t, etc).VerifyHostname("node-1"); err != nil {
		t.Error(err)
	}
	if info, _ := os.Stat(etc + "/kubernetes/pki/kubelet.key"); info.Mode().Perm() != 0o600 {
		t.Errorf("key: %v", info.Mode())
	}
}

func TestTheServingCertificateLivesAYearAndIsRenewedInTime(t *testing.T) {
	etc := t.TempDir()
	ensure(t, etc, "node-1", made)
	if life := pair(t, etc).NotAfter.Sub(made); life > 366*day {
		t.Errorf("the certificate lives %v", life)
	}
	for _, c := range []struct {
		name, host string
		now        time.Time
		renewed    bool
	}{
		{"the clock was set back by less than a day", "node-1", made.Add(-day + time.Minute), false},
		{"the last third has not begun", "node-1", made.Add(240 * day), false},
		{"the last third has begun", "node-1", made.Add(245 * day), true},
		{"it ended while the machine was off", "node-1", made.Add(900 * day), true},
		{"the clock was corrected from the future", "node-1", made.Add(-400 * day), true},
		{"the host has another name", "node-2", made, true},
	} {
		etc := t.TempDir()
		ensure(t, etc, "node-1", made)
		if renewed := ensure(t, etc, c.host, c.now); renewed != c.renewed {
			t.Errorf("%s: renewed %v", c.name, renewed)
		}
		crt := pair(t, etc)
		if err := crt.VerifyHostname(c.host); err != nil || c.now.Before(crt.NotBefore) || c.now.After(crt.NotAfter) {
			t.Errorf("%s: the certificate does not serve (%v)", c.name, err)
		}
		if ensure(t, etc, c.host, c.now) {
			t.Errorf("%s: renewed a second time", c.name)
		}
	}
}

func TestACertificateOfTwentyYearsIsReplaced(t *testing.T) {
	etc := t.TempDir()
	ensure(t, etc, "node-1", made)
	crt, key, err := newPair("node-1", made.Add(-day), 20*365*day)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{"kubelet.crt": crt, "kubelet.key": key} {
		if err := os.WriteFile(filepath.Join(etc, "kubernetes/pki", name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if !ensure(t, etc, "node-1", made) || pair(t, etc).NotAfter.Sub(made) > 366*day {
		t.Error("the certificate of an earlier version was kept")
	}
}

func TestADamagedPairIsMadeAgain(t *testing.T) {
	other := t.TempDir()
	ensure(t, other, "node-1", made)
	strange, _ := os.ReadFile(other + "/kubernetes/pki/kubelet.key")
	for name, damage := range map[string]func(pki string) error{
		"no key":         func(pki string) error { return os.Remove(pki + "/kubelet.key") },
		"no certificate": func(pki string) error { return os.Remove(pki + "/kubelet.crt") },
		"empty":          func(pki string) error { return os.WriteFile(pki+"/kubelet.crt", nil, 0o644) },
		"another's key":  func(pki string) error { return os.WriteFile(pki+"/kubelet.key", strange, 0o600) },
		"a FIFO": func(pki string) error {
			os.Remove(pki + "/kubelet.crt")
			return unix.Mkfifo(pki+"/kubelet.crt", 0o644)
		},
		"a link to the kernel's log": func(pki string) error {
			os.Remove(pki + "/kubelet.key")
			return os.Symlink("/proc/kmsg", pki+"/kubelet.key")
		},
	} {
		etc := t.TempDir()
		ensure(t, etc, "node-1", made)
		if err := damage(filepath.Join(etc, "kubernetes/pki")); err != nil {
			t.Fatal(err)
		}
		within(t, name, func() {
			if !ensure(t, etc, "node-1", made) {
				t.Errorf("%s: the pair was kept", name)
			}
			pair(t, etc)
		})
	}
}

// within fails the test if do takes long: it waits for a file that does not end.
func within(t *testing.T, name string, do func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		do()
	}()
	select {
	case <-done:
	case <-time.After(5 * time.Second):
		t.Fatalf("%s: waits", name)
	}
}
