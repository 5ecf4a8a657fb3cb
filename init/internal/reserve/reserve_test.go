package reserve

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"kios.dev/init/internal/testvector"
)

// vector is a machine and the drop-in that init writes on it.
type vector struct {
	Name                        string
	MemoryMiB, RootMiB, DiskMiB uint64
	CPUs, Tasks                 uint64
	InRAM                       bool
	Config                      map[string]any
}

// parse reads the two levels of keys that Config writes.
func parse(t *testing.T, text []byte) map[string]string {
	values := map[string]string{}
	section := ""
	for line := range strings.Lines(string(text)) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), ":")
		value = strings.Trim(strings.TrimSpace(value), `"`)
		switch {
		case line[0] == '#':
		case !ok:
			t.Fatalf("%q is not a row", line)
		case line[0] == ' ':
			values[section+"."+key] = value
		case value == "":
			section = key
		default:
			values[key] = value
		}
	}
	return values
}

func flat(config map[string]any) map[string]string {
	values := map[string]string{}
	for key, value := range config {
		switch value := value.(type) {
		case map[string]any:
			for name, inner := range value {
				values[key+"."+name] = inner.(string)
			}
		case float64:
			values[key] = jsonOf(value)
		default:
			values[key] = value.(string)
		}
	}
	return values
}

func jsonOf(value any) string {
	text, _ := json.Marshal(value)
	return string(text)
}

func TestEachMachineKeepsBackWhatTheVectorsSay(t *testing.T) {
	for _, v := range testvector.Read[[]vector](t, "reservations.json") {
		m := Machine{Memory: v.MemoryMiB * mib, Root: v.RootMiB * mib, Storage: v.DiskMiB * mib, CPUs: v.CPUs, Tasks: v.Tasks, InRAM: v.InRAM}
		if got, want := parse(t, For(m).Config()), flat(v.Config); !maps.Equal(got, want) {
			t.Errorf("%s:\n got %s\nwant %s", v.Name, jsonOf(got), jsonOf(want))
		}
	}
}

// Kubelet does not start when it is told to keep back more than the machine has.
func TestNoMachineKeepsBackAllItHas(t *testing.T) {
	for memory := uint64(64 * mib); memory <= 1<<41; memory += memory/5 + 3*mib {
		for _, cpus := range []uint64{1, 2, 3, 64, 512} {
			for _, tasks := range []uint64{100, 1000, memory >> 17, 4 << 20} {
				p := For(Machine{Memory: memory, Root: 150 * mib, Storage: memory / 3, CPUs: cpus, Tasks: tasks})
				if kept := p.System.Memory + p.Kube.Memory + p.EvictMemory; kept >= memory {
					t.Errorf("%d MiB: %d MiB kept back", memory/mib, kept/mib)
				}
				if kept := p.System.MilliCPU + p.Kube.MilliCPU; kept*5 > cpus*1000 {
					t.Errorf("%d processors: %d thousandths kept back", cpus, kept)
				}
				if tasks < p.EvictTasks+2*p.PodTasks || p.PodTasks == 0 {
					t.Errorf("%d tasks: %d kept back, %d for one pod", tasks, p.EvictTasks, p.PodTasks)
				}
			}
		}
	}
}

// Pods that have all tasks they can get leave fewer than the eviction's limit, because the host uses some itself.
func TestPodsThatTakeEveryTaskAreEvicted(t *testing.T) {
	for _, tasks := range []uint64{3500, 16_000, 500_000} {
		p := For(Machine{Memory: tasks << 17, CPUs: 2, Tasks: tasks})
		pods := tasks - p.System.Tasks - p.Kube.Tasks
		const host = 150
		if left := tasks - pods - host; left >= p.EvictTasks {
			t.Errorf("%d tasks: %d are left, evicted below %d", tasks, left, p.EvictTasks)
		}
	}
}

func TestStateInRAMLeavesPodsHalfOfTheirMemory(t *testing.T) {
	for _, memory := range []uint64{440 * mib, 1950 * mib, 64 << 30} {
		p := For(Machine{Memory: memory, Root: 131 * mib})
		pods := memory - p.System.Memory - p.Kube.Memory
		if size := StateInRAM(memory, 131*mib); size < 64*mib || size > pods/2 {
			t.Errorf("%d MiB: %d MiB of state, the pods have %d MiB", memory/mib, size/mib, pods/mib)
		}
	}
}

// All pods together, and images up to the threshold, fit into what is not kept back for the host.
func TestImagesInRAMAndPodsFitTogether(t *testing.T) {
	for _, memory := range []uint64{440 * mib, 1950 * mib, 7900 * mib, 64 << 30} {
		store := StateInRAM(memory, 131*mib)
		disk := For(Machine{Memory: memory, Root: 131 * mib, Storage: 1 << 40})
		ram := For(Machine{Memory: memory, Root: 131 * mib, Storage: store, InRAM: true})
		pods := memory - ram.System.Memory - ram.Kube.Memory
		if all := memory - disk.System.Memory - disk.Kube.Memory; memory > 1<<30 && pods+store*imagesHigh/100 > all {
			t.Errorf("%d MiB: pods take %d MiB and images %d, of %d", memory/mib, pods/mib, store*imagesHigh/100/mib, all/mib)
		}
		if pods < 150*mib {
			t.Errorf("%d MiB: pods have %d MiB", memory/mib, pods/mib)
		}
	}
	if imagesLow >= imagesHigh || imagesHigh >= 100-imagesLeft {
		t.Error("unused images are to go before pods do")
	}
}
