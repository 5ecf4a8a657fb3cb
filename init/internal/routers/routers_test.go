package routers

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"kios.dev/init/internal/testroot"
)

// machine has a sysfs of its own, in which links have the indices that the test gives them, and the IPv6 settings of a
// folder or of the kernel.
type machine struct {
	*testing.T
	*Links
	failed []string
}

func newMachine(t *testing.T, given ...string) *machine {
	m := &machine{T: t}
	m.Links = &Links{
		sys: t.TempDir(), conf: t.TempDir(), given: given, done: map[int32]bool{},
		failures: func(link string, err error) { m.failed = append(m.failed, fmt.Sprint(link, ": ", err)) },
	}
	return m
}

// addLink adds a link, made of hardware or not.
func (m *machine) addLink(name string, index int, hardware bool) {
	dir := filepath.Join(m.sys, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		m.Fatal(err)
	}
	os.WriteFile(dir+"/ifindex", fmt.Appendf(nil, "%d\n", index), 0o644)
	if hardware {
		os.Mkdir(dir+"/device", 0o755)
	}
}

// addSetting gives a link the kernel's own value.
func (m *machine) addSetting(name string) {
	dir := filepath.Join(m.conf, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		m.Fatal(err)
	}
	for _, setting := range []string{"accept_ra", "accept_redirects"} {
		if err := os.WriteFile(filepath.Join(dir, setting), []byte("1\n"), 0o644); err != nil {
			m.Fatal(err)
		}
	}
}

func (m *machine) expect(name, want string) {
	m.Helper()
	m.expectSetting(name, "accept_ra", want)
}

func (m *machine) expectSetting(name, setting, want string) {
	m.Helper()
	text, err := os.ReadFile(filepath.Join(m.conf, name, setting))
	if got := strings.TrimSpace(string(text)); got != want {
		m.Errorf("%s: %s is %q (%v), want %q", name, setting, got, err, want)
	}
}

func TestOnlyHardwareLinksBelieve(t *testing.T) {
	m := newMachine(t)
	for index, name := range []string{"lo", "eth0", "cni0", "veth1"} {
		m.addLink(name, index+1, name == "eth0")
		m.addSetting(name)
	}
	m.addLink("tiny", 9, true) // its MTU leaves no room for IPv6
	m.setAll()
	for name, want := range map[string]string{"lo": "0", "eth0": "2", "cni0": "0", "veth1": "0"} {
		m.expect(name, want)
	}
	if len(m.failed) != 0 {
		t.Error(m.failed)
	}
}

func TestNoLinkThatIsOlderThanTheDefaultAcceptsRedirects(t *testing.T) {
	m := newMachine(t, "net/ipv6/conf/eth1/accept_redirects")
	for index, name := range []string{"lo", "eth0", "eth1", "cni0"} {
		m.addLink(name, index+1, name != "cni0")
		m.addSetting(name)
	}
	m.setAll()
	for name, want := range map[string]string{"lo": "0", "eth0": "0", "eth1": "1", "cni0": "0"} {
		m.expectSetting(name, "accept_redirects", want)
	}
	if len(m.failed) != 0 {
		t.Error(m.failed)
	}
}

func TestTheCommandLineWins(t *testing.T) {
	m := newMachine(t, "net/ipv6/conf/eth0/accept_ra", "net/ipv6/conf/all/forwarding")
	for index, name := range []string{"eth0", "eth1"} {
		m.addLink(name, index+2, true)
		m.addSetting(name)
	}
	m.setAll()
	m.expect("eth0", "1")
	m.expect("eth1", "2")

	m = newMachine(t, "net/ipv6/conf/default/accept_ra")
	m.addLink("eth0", 2, true)
	m.addSetting("eth0")
	m.setAll()
	m.expect("eth0", "1")
}

func TestALinkIsSetOnceForEachConfigurationThatItGets(t *testing.T) {
	m := newMachine(t)
	m.addLink("eth0", 2, true)
	m.addSetting("eth0")
	m.setAll()
	m.addSetting("eth0") // a pod of the network's own has changed it
	for _, c := range []struct {
		change
		want string
	}{{change{2, false}, "1"}, {change{7, true}, "1"}, {change{2, true}, "1"}, {change{2, false}, "2"}} {
		m.take(c.change)
		m.expect("eth0", c.want)
	}
}

func TestAFailureIsReported(t *testing.T) {
	m := newMachine(t)
	m.addLink("eth0", 2, true)
	os.MkdirAll(filepath.Join(m.conf, "eth0", "accept_ra"), 0o755)
	m.setAll()
	if len(m.failed) != 1 || !strings.HasPrefix(m.failed[0], "eth0: ") {
		t.Error(m.failed)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte{24, 0, 0, 0, 0x50, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10, 0, 0, 0, 8, 0, 1, 0, 5, 0, 0, 0})
	f.Fuzz(func(t *testing.T, datagram []byte) {
		for _, c := range parse(datagram) {
			if c.index <= 0 {
				t.Error(c)
			}
		}
	})
}

func TestParseReadsIndicesAndSkipsTheRest(t *testing.T) {
	message := func(kind byte, attributes ...byte) []byte {
		head := []byte{byte(20 + len(attributes)), 0, 0, 0, kind, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10, 0, 0, 0}
		return append(head, attributes...)
	}
	index := []byte{8, 0, 1, 0, 5, 0, 0, 0}
	other := []byte{8, 0, 2, 0, 1, 0, 0, 0}
	for name, c := range map[string]struct {
		datagram []byte
		want     string
	}{
		"new":                   {message(0x50, index...), "[{5 false}]"},
		"gone":                  {message(0x51, index...), "[{5 true}]"},
		"after another":         {message(0x50, append(other, index...)...), "[{5 false}]"},
		"two messages":          {append(message(0x51, index...), message(0x50, index...)...), "[{5 true} {5 false}]"},
		"for all links":         {message(0x50, 8, 0, 1, 0, 0xff, 0xff, 0xff, 0xff), "[]"},
		"another message":       {message(0x10, index...), "[]"},
		"an attribute too long": {message(0x50, 9, 0, 1, 0, 5, 0, 0, 0), "[]"},
		"an empty attribute":    {message(0x50, 0, 0, 1, 0), "[]"},
		"without attributes":    {message(0x50), "[]"},
		"nothing":               {nil, "[]"},
	} {
		if got := fmt.Sprint(parse(c.datagram)); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// ip runs ip(8) in the network namespace of this thread.
func ip(t *testing.T, args string) {
	t.Helper()
	if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
		t.Fatalf("ip %s: %v %s", args, err, out)
	}
}

func TestTheKernelTellsOfLinksThatAppearAreRenamedOrGetIPv6Later(t *testing.T) {
	testroot.Require(t, "a network namespace")
	runtime.LockOSThread() // never unlocked: the thread ends with the test, and its namespace with it
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Fatal(err)
	}
	m := newMachine(t)
	m.conf = "/proc/sys/net/ipv6/conf" // of this thread's namespace
	m.addLink("eth0", 100, true)
	m.addLink("veth0", 101, false)
	if err := m.open(); err != nil {
		t.Fatal(err)
	}
	defer m.notices.Close()
	buffer := make([]byte, 32<<10)
	await := func(name, want string) {
		t.Helper()
		for end := time.Now().Add(10 * time.Second); time.Now().Before(end); {
			text, _ := os.ReadFile(filepath.Join(m.conf, name, "accept_ra"))
			if strings.TrimSpace(string(text)) == want {
				return
			}
			m.notices.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
			m.next(buffer)
		}
		m.expect(name, want)
	}
	ip(t, "link add eth0 index 100 type veth peer name veth0 index 101")
	await("eth0", "2")
	await("veth0", "0")

	ip(t, "link set eth0 mtu 1000") // the kernel takes IPv6 away below 1280
	ip(t, "link set eth0 mtu 1500")
	await("eth0", "2")

	os.Rename(filepath.Join(m.sys, "eth0"), filepath.Join(m.sys, "ens3"))
	ip(t, "link set eth0 name ens3")
	await("ens3", "2")
}
