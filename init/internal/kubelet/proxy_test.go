package kubelet

import (
	"os"
	"slices"
	"strings"
	"testing"

	"kios.dev/init/internal/testvector"
)

func TestAProxyIsWordsOfTheEnvironment(t *testing.T) {
	file := "# ours\n\nHTTP_PROXY=http://user:p%40ss@proxy.example:3128\r\n HTTPS_PROXY=https://proxy.example\nNO_PROXY=localhost,10.0.0.0/8,fd00::/8,.svc\n"
	want := []string{"HTTP_PROXY=http://user:p%40ss@proxy.example:3128", "HTTPS_PROXY=https://proxy.example", "NO_PROXY=localhost,10.0.0.0/8,fd00::/8,.svc"}
	plan := Make(Files{Proxy: &file}, own)
	if !slices.Equal(plan.Proxy, want) || len(plan.Faults) != 0 || len(plan.Args) != 3 {
		t.Errorf("%+v", plan)
	}
	if plan := Make(Files{}, own); plan.Proxy != nil {
		t.Errorf("without a file: %q", plan.Proxy)
	}
}

// proxyVectors are shared with the agent that writes the file.
type proxyVectors struct {
	Good []struct {
		File  string
		Words []string
	}
	Bad []string
}

func TestTheFileThatBootstrapWritesIsRead(t *testing.T) {
	for _, good := range testvector.Read[proxyVectors](t, "proxies.json").Good {
		if plan := Make(Files{Proxy: &good.File}, own); !slices.Equal(plan.Proxy, good.Words) || plan.Faults != nil {
			t.Errorf("%q became %q, %v", good.File, plan.Proxy, plan.Faults)
		}
	}
}

func TestAProxyFileGivesNoOtherVariable(t *testing.T) {
	for _, bad := range testvector.Read[proxyVectors](t, "proxies.json").Bad {
		plan := Make(Files{Proxy: &bad}, own)
		if plan.Proxy != nil || len(plan.Faults) != 1 || plan.Faults[0].File != proxy {
			t.Errorf("%q became %q, %v", bad, plan.Proxy, plan.Faults)
		}
	}
	secret := "HTTP_PROXY=ftp://user:secret@p"
	if plan := Make(Files{Proxy: &secret}, own); strings.Contains(plan.Faults[0].Err.Error(), "secret") {
		t.Errorf("the fault quotes a password: %v", plan.Faults[0].Err)
	}
}

func TestContainerdGetsTheProxyOfTheFile(t *testing.T) {
	etc := t.TempDir()
	if words := ReadProxy(etc); words != nil {
		t.Errorf("without a file: %q", words)
	}
	if err := os.Mkdir(etc+"/kubernetes", 0o755); err != nil {
		t.Fatal(err)
	}
	for content, want := range map[string][]string{"HTTP_PROXY=http://p:1\n": {"HTTP_PROXY=http://p:1"}, "PATH=/tmp\n": nil} {
		if err := os.WriteFile(etc+"/kubernetes/proxy", []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if words := ReadProxy(etc); !slices.Equal(words, want) {
			t.Errorf("%q gives %q", content, words)
		}
	}
}
