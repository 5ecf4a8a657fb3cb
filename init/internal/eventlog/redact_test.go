package eventlog

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

func TestSecretsDoNotReachTheLogs(t *testing.T) {
	for text, want := range map[string]string{
		// of registries
		`pull https://me:pass@reg.example/v2/a: denied`:                                    `pull https://…@reg.example/v2/a: denied`,
		`pull https://me:p@ss@reg.example: denied`:                                         `pull https://…@reg.example: denied`,
		`Get "https://s3.example/l?X-Amz-Signature=abc&X-Amz-Date=1&token=a": timeout`:     `Get "https://s3.example/l?X-Amz-Signature=…&X-Amz-Date=1&token=…": timeout`,
		`Get "https://b.example/l?sv=1;sig=abc%3D" and http://c.example/?Access_Token=x y`: `Get "https://b.example/l?sv=1;sig=…" and http://c.example/?Access_Token=… y`,
		`https://a.example/?next=https://u:p@b.example/?token=t`:                           `https://a.example/?next=https://…@b.example/?token=…`,
		`header Authorization: Bearer abcdefghij.klm_no-p+/= refused`:                      `header Authorization: Bearer … refused`,
		`authorization basic bWU6cGFzc3dvcmQ=`:                                             `authorization basic …`,
		// of the cluster
		`token "abcdef.0123456789abcdef" expired`:                          `token "abcdef.…" expired`,
		`join 10.0.0.1:6443 --token abcdef.0123456789abcdef`:               `join 10.0.0.1:6443 --token abcdef.…`,
		`it was abcdef.0123456789abcdef.`:                                  `it was abcdef.….`,
		`jwt eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJrdWJlIn0.c2lnbmF0dXJl is old`: `jwt eyJ… is old`,
		// of the kernel's command line
		`Kernel command line: quiet kios.config=https://u:p@c.example/n?key=s3cret#sha256=00 ro`: `Kernel command line: quiet kios.config=https://…@c.example/n?key=… ro`,
	} {
		if got := string(redact([]byte(text))); got != want {
			t.Errorf("%s\nbecomes %s", text, got)
		}
	}
}

func TestWhatIsNoSecretStays(t *testing.T) {
	for _, text := range []string{
		``, `://`, `https://`, `?`, `a.b`, `Bearer `, `Basic auth`, `eyJ`, `Bearer of news`, `basic authentication`,
		`Get "https://10.0.2.2:6443/api/v1/nodes?fieldSelector=metadata.name%3Dn&limit=500&resourceVersion=0": EOF`,
		`secret "kube-system/registry" not found`, `kios.invalid/dhcp:0.1.0@sha256:df0cec35e985f4538a9920abd2f79a93103474fc76887893e4dafba17156a73e`,
		`I0722 10:00:00.123456       1 server.go:1] "Kubelet version" kubeletVersion="v1.36.3"`,
		`6.12.48-kios x86_64`, `abcdef.0123456789abcde`, `Abcdef.0123456789abcdef`, `abcdefg.0123456789abcdef`, `abcdef.0123456789abcdefg`,
		`git@github.com:a/b`,
	} {
		if got := string(redact([]byte(text))); got != text {
			t.Errorf("%s\nbecomes %s", text, got)
		}
	}
}

func FuzzRedact(f *testing.F) {
	f.Add("https://a:b@c/?token=d&e=f;sig=g https://h@i?key=j abcdef.0123456789abcdef Bearer 01234567 eyJ01234567")
	f.Fuzz(func(t *testing.T, text string) {
		before := strings.Clone(text)
		out := redact([]byte(text))
		if text != before {
			t.Error("the text was changed in place")
		}
		if again := redact(out); !bytes.Equal(again, out) {
			t.Errorf("%q then %q", out, again)
		}
	})
}

func TestAllThatIsLoggedIsRedacted(t *testing.T) {
	dir := t.TempDir()
	log, err := Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	log.Warn("x", "cause", `Get "https://a:b@c/?q=1&token=abc": no`)
	if text, _ := os.ReadFile(dir + "/init.log"); !strings.Contains(string(text), `Get \"https://…@c/?q=1&token=…\": no`) {
		t.Errorf("%s", text)
	}
}
