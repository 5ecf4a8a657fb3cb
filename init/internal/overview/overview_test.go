package overview

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// lines gives a Watch these lines.
func lines(all ...string) Told {
	w := NewWatch()
	for _, line := range all {
		w.Line([]byte(line))
	}
	return w.Told()
}

func TestStartsAndUnwantedEndsOfProgramsAreCounted(t *testing.T) {
	told := lines(
		`{"up":1,"lvl":"info","agent":"init","ev":"containerd.start"}`+"\n",
		`{"up":2,"lvl":"info","agent":"init","ev":"kubelet.start","mode":"standalone"}`,
		`{"up":3,"lvl":"warn","agent":"init","ev":"child.exit","child":"kubelet","code":2}`,
		`{"up":4,"lvl":"info","agent":"init","ev":"kubelet.start","mode":"cluster"}`,
		`{"up":5,"lvl":"info","agent":"init","ev":"child.exit","child":"kubelet"}`, // somebody asked for it
		`pod a/b: {"up":6,"lvl":"warn","agent":"init","ev":"child.exit","child":"kubelet"}`,
		`pod a/b: {"up":6,"lvl":"info","agent":"init","ev":"kubelet.start"}`,
	)
	if want := []Program{{"containerd", 1, 0}, {"kubelet", 2, 1}}; !reflect.DeepEqual(told.Programs, want) {
		t.Errorf("%+v", told.Programs)
	}
	if len(told.Last) != 0 || len(told.Counts) != 0 {
		t.Errorf("faults: %+v", told)
	}
}

func TestFaultsAreToldByInitAndPods(t *testing.T) {
	told := lines(
		`{"up":1.5,"lvl":"error","agent":"init","ev":"data.failed","code":"KIOS_INIT_DATA","cause":"mount it: no","remedy":"Repair it."}`,
		`pod kube-system/dhcp-a: {"up":2,"lvl":"error","ev":"x","err":{"code":"KIOS_DHCP_TIMEOUT","message":"get a lease","remedy":"Check the cable.","cause":{"message":"y"}}}`,
		`pod kube-system/bootstrap-a: {"up":3,"lvl":"error","ev":"fault","code":"KIOS_FAULT_DNS","cause":"ask 10.0.2.3","remedy":"See.","condition":"KiosNetwork"}`,
		`pod kube-system/bootstrap-a: {"up":63,"lvl":"error","ev":"fault","code":"KIOS_FAULT_DNS","cause":"ask 10.0.2.4","remedy":"See.","condition":"KiosNetwork"}`,
	)
	want := []Fault{
		{"KIOS_FAULT_DNS", "pod kube-system/bootstrap-a", "ask 10.0.2.4", "See.", "KiosNetwork", 63},
		{"KIOS_DHCP_TIMEOUT", "pod kube-system/dhcp-a", "get a lease", "Check the cable.", "", 2},
		{"KIOS_INIT_DATA", "init", "mount it: no", "Repair it.", "", 1.5},
	}
	if !reflect.DeepEqual(told.Last, want) {
		t.Errorf("%+v", told.Last)
	}
	if !reflect.DeepEqual(told.Counts, map[string]int{"KIOS_FAULT_DNS": 2, "KIOS_DHCP_TIMEOUT": 1, "KIOS_INIT_DATA": 1}) {
		t.Errorf("%v", told.Counts)
	}
}

func TestWhatIsNoFaultIsNotTold(t *testing.T) {
	told := lines(
		"", "{", "pod a/b: no object", `pod a/b: {"lvl":"error","code":"KIOS_X"`,
		`pod a/b: {"lvl":"info","ev":"fault.over","code":"KIOS_FAULT_DNS"}`,
		`pod a/b: {"lvl":"error","code":"KIOS_\u001b[2J"}`,
		`pod a/b: {"lvl":"error","code":"KIOS_`+strings.Repeat("A", 100)+`"}`,
		`pod a/b: {"lvl":"error","code":["KIOS_X"],"x":"code\":\"KIOS_"}`,
		`kubelet: {"lvl":"error","code":"ENOENT"}`,
	)
	if len(told.Last) != 0 || len(told.Counts) != 0 {
		t.Errorf("%+v", told)
	}
}

func TestWhatPodsMakeUpTakesNoMemory(t *testing.T) {
	w := NewWatch()
	for i := range 1000 {
		w.Line(fmt.Appendf(nil, `pod a/b: {"lvl":"error","code":"KIOS_%d","cause":"%s"}`, i, strings.Repeat("ü\\n ", 1000)))
	}
	told := w.Told()
	if len(told.Counts) != mostCodes+1 || told.Counts[other] != 1000-mostCodes || len(told.Last) != mostTold {
		t.Errorf("%d codes, %d others, %d last", len(told.Counts), told.Counts[other], len(told.Last))
	}
	if cause := told.Last[0].Cause; len(cause) > longest+5 || strings.Contains(cause, "\n") {
		t.Errorf("%d bytes", len(cause))
	}
}

func TestALineWakesAReaderOnce(t *testing.T) {
	w := NewWatch()
	w.Line([]byte("a"))
	w.Line([]byte("b"))
	<-w.Changed()
	select {
	case <-w.Changed():
		t.Error("twice")
	default:
	}
}

// stateFiles writes a /run/kios and reads it.
func stateFiles(t *testing.T, files map[string]string) Files {
	t.Helper()
	run := t.TempDir()
	for name, content := range files {
		path := filepath.Join(run, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return ReadFiles(run)
}

// joined are the files of a node that has joined, and has trouble.
var joined = map[string]string{
	"boot.json":            `{"v":1,"version":"0.1.0","kernel":"6.12.1","data":"partition","phases":[{"name":"init","up":0.5},{"name":"kubelet.start","up":2},{"name":"kubelet.start","up":40}]}`,
	"kubelet.json":         `{"v":1,"mode":"cluster","starts":2}`,
	"time/state.json":      `{"v":1,"sane":true,"synced":true,"source":"192.0.2.1"}`,
	"net/eth0.json":        `{"v":1,"if":"eth0","acquired":{"boot":10},"lease":3600}`,
	"net/eth1.json":        `{"v":1,"if":"eth1","acquired":{"boot":10},"lease":4294967295}`,
	"net/resolv.conf":      "nameserver 192.0.2.53\n",
	"net/v6/eth0.json":     `{"v":1,"written":{"boot":100},"addresses":[{"validUntil":700},{"validUntil":1300}]}`,
	"net/v6/eth1.json":     `{"v":1,"written":{"boot":100},"addresses":[{"validUntil":null}]}`,
	"platform/faults.json": `{"v":1,"faults":[{"code":"KIOS_FAULT_DNS","cause":"ask \"10.0.2.3\"\u001b","remedy":"Check it.","condition":"KiosNetwork","since":12.7},{"code":"bad"}]}`,
	"modules/status.json":  `{"v":1,"loa`,
	"slots.json":           `{"v":1,"managed":true,"state":"trial","failed":{"generation":2,"why":"x"}}`,
}

func TestFactsComeFromStateFiles(t *testing.T) {
	f := stateFiles(t, joined).Facts(1000, lines())
	want := Facts{
		Up: 1000, Version: "0.1.0", Kernel: "6.12.1", Mode: "cluster", Data: "partition",
		Phases: []Phase{{"init", 0.5}, {"kubelet.start", 2}, {"kubelet.start", 40}},
		Clock:  Clock{true, true, true, "192.0.2.1"},
		Leases: []Lease{{"eth0", "ipv4", 3600, 3610}, {"eth0", "ipv6", 1200, 1300}},
		Faults: []Fault{{"KIOS_FAULT_DNS", "", "ask \"10.0.2.3\"\x1b", "Check it.", "KiosNetwork", 12.7}},
		Update: Update{true, true, true},
		Told:   lines(),
	}
	if !reflect.DeepEqual(f, want) {
		t.Errorf("%+v\n%+v", f, want)
	}
}

func TestStateFilesMayHoldAnything(t *testing.T) {
	for _, content := range []string{"", "{", "null", "[]", `"x"`, `{"faults":3,"lease":"x","phases":{},"mode":1,"addresses":7}`, strings.Repeat(" ", fileLimit+1)} {
		files := map[string]string{}
		for name := range joined {
			files[name] = content
		}
		f := stateFiles(t, files).Facts(1, lines())
		if len(f.Faults) != 0 || len(f.Leases) != 0 || f.Mode != "" || f.Clock.Synced {
			t.Errorf("%.20q: %+v", content, f)
		}
		if page := Page("status", f); !strings.Contains(page, "nothing is known to be wrong") {
			t.Error(page)
		}
		if text := Metrics(f); !strings.Contains(string(text), `kios_info{version="",kernel="",mode="",data=""} 1`) {
			t.Errorf("%s", text)
		}
	}
}

func TestALinkOutOfAPodsFolderIsNotFollowed(t *testing.T) {
	run := t.TempDir()
	os.MkdirAll(run+"/net", 0o755)
	os.Symlink("/dev/zero", run+"/net/eth0.json")
	if files := ReadFiles(run); len(files.Leases) != 0 {
		t.Errorf("%v", files.Leases)
	}
}

func TestThePageHasAddressStateAndFaults(t *testing.T) {
	told := lines(
		`{"up":1,"lvl":"info","ev":"containerd.start"}`, `{"up":2,"lvl":"info","ev":"kubelet.start"}`, `{"up":3,"lvl":"info","ev":"kubelet.start"}`,
		`{"up":3,"lvl":"warn","ev":"child.exit","child":"kubelet"}`,
		`{"up":4.2,"lvl":"warn","ev":"data.missing","code":"KIOS_INIT_DATA","cause":"read {\"ev\":\"fatal\"}","remedy":"Look."}`,
		`pod kube-system/bootstrap-a: {"up":63,"lvl":"error","ev":"fault","code":"KIOS_FAULT_DNS","cause":"ask"}`,
	)
	got := Page("version 0.1.0  |  node-1  |  192.0.2.7  |  cluster", stateFiles(t, joined).Facts(1000, told))
	want := `| version 0.1.0  |  node-1  |  192.0.2.7  |  cluster
| clock follows 192.0.2.1  |  state on disk  |  containerd started once, kubelet started 2 times, ended once by itself
| KiosNetwork: cannot ask "10.0.2.3"` + "\uFFFD" + ` [KIOS_FAULT_DNS, since 13 s after the start] Check it.
| earlier: cannot read ("ev":"fatal") [KIOS_INIT_DATA, by init at 4 s] Look.
`
	if got != want {
		t.Errorf("%s\n%s", got, want)
	}
}

func TestThePageOfAHealthyNodeDoesNotChangeWithTime(t *testing.T) {
	files := stateFiles(t, map[string]string{"time/state.json": `{"sane":true,"synced":false}`, "boot.json": `{"data":"ram"}`})
	early, late := Page("s", files.Facts(10, lines())), Page("s", files.Facts(10000, lines()))
	if early != late || !strings.Contains(early, "clock plausible, follows no source  |  state in RAM") {
		t.Errorf("%s%s", early, late)
	}
}

// vectors are what Prometheus' own tools and the rules of examples/monitoring are tested with.
const vectors = "../../../packages/host-api/vectors/"

// labelNames are those of a line of the text format.
var labelNames = regexp.MustCompile(`([a-z_]+)="`)

func TestMetricsAreThoseOfTheVectors(t *testing.T) {
	told := lines(`{"up":2,"ev":"kubelet.start"}`, `{"up":4,"lvl":"warn","ev":"x","code":"KIOS_INIT_DATA","cause":"c"}`)
	text := Metrics(stateFiles(t, joined).Facts(1000, told))
	want, err := os.ReadFile(vectors + "init.prom")
	if err != nil || string(text) != string(want) {
		t.Errorf("%v\n%s", err, text)
	}
	var all map[string]map[string][]string
	names, err := os.ReadFile(vectors + "metrics.json")
	if err == nil {
		err = json.Unmarshal(names, &all)
	}
	got := map[string][]string{}
	for line := range strings.Lines(string(text)) {
		if name, rest, found := strings.Cut(line, "{"); found && !strings.HasPrefix(line, "#") {
			labels := []string{}
			for _, match := range labelNames.FindAllStringSubmatch(rest, -1) {
				labels = append(labels, match[1])
			}
			slices.Sort(labels)
			got[name] = labels
		}
	}
	if err != nil || !maps.EqualFunc(got, all["init.prom"], slices.Equal) {
		t.Errorf("%v\n%v\n%v", err, got, all["init.prom"])
	}
}

func TestMetricsHaveTheFirstPhaseAndWhatIsLeftOfALease(t *testing.T) {
	text := string(Metrics(stateFiles(t, joined).Facts(1310, lines())))
	for _, want := range []string{
		"# TYPE kios_program_starts_total counter\n",
		`kios_boot_phase_seconds{phase="kubelet.start"} 2` + "\n",
		`kios_lease_seconds{link="eth0",family="ipv4"} 3600` + "\n",
		`kios_lease_remaining_seconds{link="eth0",family="ipv4"} 2300` + "\n",
		`kios_lease_remaining_seconds{link="eth0",family="ipv6"} 0` + "\n",
		`kios_fault{code="KIOS_FAULT_DNS",condition="KiosNetwork"} 1` + "\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	if strings.Contains(text, "} 40\n") {
		t.Error("a later start counts as a phase of the boot")
	}
}

func TestAMachineThatWasNotUpdatedSaysSo(t *testing.T) {
	text := string(Metrics(stateFiles(t, map[string]string{"slots.json": `{"v":1,"managed":false,"state":"good","failed":null}`}).Facts(1, lines())))
	for _, want := range []string{"kios_update_on_trial{} 0\n", "kios_update_failed{} 0\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	if text := string(Metrics(Facts{})); strings.Contains(text, "kios_update") {
		t.Error(text)
	}
}

func TestLabelsKeepWhateverTheyHold(t *testing.T) {
	f := Facts{Leases: []Lease{{"a\"\\\n\xff", "ipv4", 1, 2}}}
	if text := string(Metrics(f)); !strings.Contains(text, `link="a\"\\\n`+"\uFFFD"+`"`) {
		t.Error(text)
	}
}

func TestOnlyMountsOfTheHostAreListed(t *testing.T) {
	const mountinfo = `21 1 0:1 / / ro,nosuid - erofs /root.erofs ro
30 21 8:2 /data/var /var/a\040b rw,nosuid shared:7 - ext4 /dev/sda2 rw,errors=remount-ro
31 30 0:40 / /var/lib/kubelet/plugins/x/globalmount rw - ceph 192.0.2.1:/ rw,secret=abc
32 21 0:41 / /run/containerd/io/x rw - overlay overlay rw
torn
`
	want := []Mount{{"/", "erofs", "/root.erofs", "ro,nosuid,ro"}, {"/var/a b", "ext4", "/dev/sda2", "rw,nosuid,rw,errors=remount-ro"}}
	if got := Mounts(mountinfo); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	if got := Mounts(strings.Repeat("21 1 0:1 / / ro - erofs x ro\n", 1000)); len(got) != mostMounts {
		t.Errorf("%d mounts", len(got))
	}
}

func TestModulesAreListedByName(t *testing.T) {
	if got := Modules("xfs 1234 0 - Live 0x0\next4 99 2 - Live 0x0\n"); !slices.Equal(got, []string{"ext4", "xfs"}) {
		t.Errorf("%v", got)
	}
}

func TestStateIsOneObjectWithTheFilesAsTheyAre(t *testing.T) {
	text, err := json.Marshal(State{V: 1, Files: stateFiles(t, joined), Told: lines()})
	var state map[string]json.RawMessage
	if err == nil {
		err = json.Unmarshal(text, &state)
	}
	if err != nil {
		t.Fatal(err)
	}
	if string(state["clock"]) != joined["time/state.json"] || state["programs"] == nil || state["modules"] != nil {
		t.Errorf("%s", text)
	}
}

func FuzzLine(f *testing.F) {
	f.Add([]byte(`pod a/b: {"lvl":"error","code":"KIOS_X","cause":"x"}`))
	f.Add([]byte(`{"ev":"kubelet.start"}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		w := NewWatch()
		w.Line(line)
		page := Page("s", Facts{Told: w.Told()})
		if strings.ContainsAny(strings.ReplaceAll(page, "\n", ""), "{}\x1b\r") {
			t.Errorf("%q", page)
		}
	})
}
