package hostports

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestMain is also the plugin, as a process that can be killed.
func TestMain(m *testing.M) {
	if os.Getenv("HOSTPORTS_PLUGIN") != "" {
		os.Exit(New(os.Getenv).Command(os.Stdin, os.Stdout))
	}
	os.Exit(m.Run())
}

// start carries out a command in a process of its own.
func (n *network) start(command, container, conf string) *exec.Cmd {
	n.Helper()
	child := exec.Command("ip", "netns", "exec", n.name+"host", os.Args[0])
	child.Env = append(os.Environ(), "HOSTPORTS_PLUGIN=1", "CNI_COMMAND="+command, "CNI_CONTAINERID="+container, "CNI_IFNAME=eth0")
	child.Stdin = strings.NewReader(conf)
	if err := child.Start(); err != nil {
		n.Fatal(err)
	}
	return child
}

// manyPorts maps so many ports of the host.
func manyPorts(count int) string {
	mappings := make([]portMapping, count)
	for i := range mappings {
		mappings[i] = portMapping{HostPort: 10000 + i, ContainerPort: 80, Protocol: "tcp"}
	}
	text, _ := json.Marshal(mappings)
	return string(text)
}

func (n *network) expectRules(want int) {
	n.Helper()
	if got := n.rules(); len(got) != want {
		n.Errorf("%d rules, want %d: %.300s", len(got), want, strings.Join(got, "; "))
	}
}

func TestAKilledCallLeavesAllOrNothingAndDelRemovesIt(t *testing.T) {
	n := newNode(t)
	other, p := pod{name: "pod6", addresses: []string{"10.85.0.6/16"}}, pod{name: "pod5", addresses: []string{"10.85.0.5/16", "fd85::5/64"}}
	n.must("ADD", "other", n.configuration(other, web))
	const count, others = 200, 2 + 2
	all := 2*count + 3
	conf := n.configuration(p, manyPorts(count))
	seen := map[int]int{}
	for i := range 60 {
		child := n.start("ADD", "c1", conf)
		time.AfterFunc(time.Duration(i)*time.Millisecond/2, func() { child.Process.Kill() })
		child.Wait()
		rules := len(n.rules()) - others
		if rules != 0 && rules != all {
			t.Fatalf("after %d half milliseconds: %d rules, want none or %d", i, rules, all)
		}
		seen[rules]++
		n.must("DEL", "c1", conf)
		n.expectRules(others)
	}
	t.Log("calls by the rules that they left:", seen)
	n.must("ADD", "c1", conf)
	n.expectRules(all + others)
}

func TestDelTwiceAndWithoutAnything(t *testing.T) {
	n := newNode(t)
	one, other := pod{name: "pod5", addresses: []string{"10.85.0.5/16"}}, pod{name: "pod6", addresses: []string{"10.85.0.6/16"}}
	n.must("DEL", "c1", n.configuration(one, web)) // before there is a table
	n.must("ADD", "c1", n.configuration(one, web))
	n.must("ADD", "c2", n.configuration(other, web))
	for range 2 {
		n.must("DEL", "c1", `{"cniVersion":"1.0.0","name":"net","backend":"iptables","runtimeConfig":{"portMappings":[{"hostPort":-1}]}}`)
		n.expectRules(4)
	}
	for _, comment := range n.rules() {
		if !strings.HasPrefix(comment, "net c2 eth0 ") {
			t.Errorf("left: %s", comment)
		}
	}
}

func TestPodsThatStartTogetherAllHaveTheirPorts(t *testing.T) {
	n := newNode(t)
	const pods = 12
	var group sync.WaitGroup
	for i := range pods {
		p := pod{name: "pod", addresses: []string{fmt.Sprintf("10.85.1.%d/16", i)}}
		conf := n.configuration(p, fmt.Sprintf(`[{"hostPort":%d,"containerPort":80,"protocol":"tcp"}]`, 9000+i))
		group.Go(func() {
			if err := n.start("ADD", fmt.Sprint("c", i), conf).Wait(); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	n.expectRules(3 * pods)
	if got := strings.Count(n.nft("list table inet kios-hostports"), "jump ports"); got != 2 {
		t.Errorf("%d ways into the chain of ports, want 2", got)
	}
}

func TestCheckSaysWhatIsMissing(t *testing.T) {
	n := newNode(t)
	conf := n.configuration(pod{name: "pod5", addresses: []string{"10.85.0.5/16"}}, web)
	n.must("ADD", "c1", conf)
	n.must("CHECK", "c1", conf)
	if status, out := n.call("CHECK", "c2", conf); status == 0 || !strings.Contains(out, "tcp *:8080 to 10.85.0.5:80") {
		t.Errorf("another container: %d %s", status, out)
	}
	n.nft("flush chain inet kios-hostports output")
	status, out := n.call("CHECK", "c1", conf)
	if status == 0 || !strings.Contains(out, "for this host") || strings.Contains(out, "8080") {
		t.Errorf("%d %s", status, out)
	}
	n.must("ADD", "c1", conf)
	n.must("CHECK", "c1", conf)
}

func TestGarbageCollectionRemovesWhatTheNetworkNoLongerHas(t *testing.T) {
	n := newNode(t)
	conf := n.configuration(pod{name: "pod5", addresses: []string{"10.85.0.5/16"}}, web)
	another := strings.Replace(conf, `"name":"net"`, `"name":"net2"`, 1)
	n.must("ADD", "c1", conf)
	n.must("ADD", "c2", conf)
	n.must("ADD", "c3", another)
	n.must("GC", "", `{"cniVersion":"1.1.0","name":"net","cni.dev/valid-attachments":[{"containerID":"c2","ifname":"eth0"},{"containerID":"c1","ifname":"eth1"}]}`)
	text := strings.Join(n.rules(), "\n")
	if strings.Contains(text, " c1 ") || strings.Count(text, "net c2 ") != 4 || strings.Count(text, "net2 c3 ") != 4 {
		t.Error(text)
	}
	n.must("STATUS", "", `{"cniVersion":"1.1.0","name":"net"}`)
}

func TestOtherTablesAreLeftAlone(t *testing.T) {
	n := newNode(t)
	n.nft("table inet other { chain postrouting { type nat hook postrouting priority srcnat; masquerade; }; }")
	before := n.nft("list table inet other")
	conf := n.configuration(pod{name: "pod5", addresses: []string{"10.85.0.5/16"}}, web)
	n.must("ADD", "c1", conf)
	n.must("DEL", "c1", conf)
	if after := n.nft("list table inet other"); after != before {
		t.Error(after)
	}
}
