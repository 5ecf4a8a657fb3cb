package hostapi

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestAPodIsNamedByItsControlGroup(t *testing.T) {
	const uid = "896ada00-dbc2-4954-bf97-59bbd63a310b"
	for group, want := range map[string]string{
		"/kubepods/burstable/pod" + uid + "/" + strings.Repeat("a", 64): uid,
		"/kubepods/besteffort/pod" + uid:                                uid,
		"/kubepods/pod" + uid + "/c":                                    uid,
		"/kubepods/burstable/podx y: {/c":                               "", // no name of Kubernetes
		"/kios/kubelet":                                                 "",
		"/other/kubepods/pod" + uid:                                     "",
		"":                                                              "",
	} {
		if got := podUID(group); got != want {
			t.Errorf("%s: %q, want %q", group, got, want)
		}
	}
}

func TestTheGroupIsThatOfVersion2(t *testing.T) {
	for text, want := range map[string]string{
		"0::/kubepods/pod1/c\n":           "/kubepods/pod1/c",
		"4:memory:/x\n0::/kios/kubelet\n": "/kios/kubelet",
		"4:memory:/x\n":                   "",
		"":                                "",
	} {
		if got := groupOf(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestAPodsNameIsThatOfItsLogs(t *testing.T) {
	logs := t.TempDir()
	for _, name := range []string{"kube-system_dhcp-node-1_u-1", "default_evil: {\"agent\"_u-2", "a_b_c_u-3", "u-4"} {
		if err := os.Mkdir(filepath.Join(logs, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for uid, want := range map[string]string{"u-1": "kube-system/dhcp-node-1", "u-2": "", "u-3": "", "u-4": "", "u-5": ""} {
		if got := podName(logs, uid); got != want {
			t.Errorf("%s: %q, want %q", uid, got, want)
		}
	}
	if err := unix.Mkfifo(filepath.Join(logs, "fifo"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, place := range []string{"none", "fifo"} {
		if got := podName(filepath.Join(logs, place), "u-1"); got != "" {
			t.Errorf("%s: %q", place, got)
		}
	}
}

// The test binary is also the client that ends before it is asked.
func TestMain(m *testing.M) {
	if path := os.Getenv("KIOS_TEST_CONNECT"); path != "" {
		if _, err := net.Dial("unix", path); err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// Its number may belong to another process by now.
func TestAProcessThatHasEndedHasANumberOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	program, _ := os.Executable()
	client := exec.Command(program)
	client.Env = append(os.Environ(), "KIOS_TEST_CONNECT="+path)
	if err := client.Run(); err != nil {
		t.Fatal(err)
	}
	conn, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if got := senderOf(conn); got != (sender{pid: client.Process.Pid}) {
		t.Errorf("%+v", got)
	}
}

func TestALivingProcessHasItsGroup(t *testing.T) {
	text, _ := os.ReadFile("/proc/self/cgroup")
	want := sender{os.Getpid(), groupOf(string(text))}
	if want.group == "" {
		t.Skip("this machine has no control groups of version 2")
	}
	f := serve(t)
	listener, err := net.Listen("unix", filepath.Join(f.dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	f.dial("s")
	conn, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if got := senderOf(conn); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}
