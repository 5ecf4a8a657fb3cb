// Package reserve decides what kubelet keeps back from pods, so that a pod takes nothing that the host needs. It knows
// only the machine's size; docs/limits.md gives the reason for each number.
package reserve

const mib = 1 << 20

const (
	// The kernel and init: memory that no control group is charged for.
	kernelMemory, kernelShare, kernelMost = 24 * mib, 50, 256 * mib
	kernelTasks, tasksPerCPU              = 200, 20
	systemMilliCPU                        = 40

	// Kubelet and containerd, and what they and a shim need for each pod.
	programMemory, podMemory = 80 * mib, 6 * mib
	programTasks, podTasks   = 300, 12

	// memoryOfAPod is the machine's memory for which one pod is expected, maxPods kubelet's own limit.
	memoryOfAPod, maxPods = 64 * mib, 110

	// onePodTasks is the most that a single pod gets.
	onePodTasks = 4096

	evictShare, evictLeast, evictMost = 20, 32 * mib, 100 * mib
	storageShare, storageMost         = 20, 1024 * mib

	// Images in RAM: kubelet removes unused ones above imagesHigh per cent of the store until imagesLow are left, and
	// evicts pods when less than imagesLeft are. Memory up to the first is kept back, but leastForPods is theirs.
	imagesHigh, imagesLow, imagesLeft = 50, 40, 30
	leastForPods                      = 192 * mib
)

// Machine holds the sizes that a plan follows from.
type Machine struct {
	Memory  uint64 // bytes
	Root    uint64 // bytes of the root, which lies in memory
	Storage uint64 // bytes of the file system that holds images and the pods' data
	CPUs    uint64
	Tasks   uint64 // processes and threads that the kernel makes at most
	InRAM   bool   // Storage lies in the memory
}

// Amounts is what is kept back of each resource: thousandths of a processor, bytes, tasks.
type Amounts struct{ MilliCPU, Memory, Tasks, Storage uint64 }

// Plan is what kubelet keeps back and when it evicts pods.
type Plan struct {
	System Amounts // for the kernel and init
	Kube   Amounts // for kubelet, containerd and the shims
	// PodTasks is the number of tasks that one pod may have.
	PodTasks uint64
	// Kubelet evicts pods when less than this is left on the machine.
	EvictMemory, EvictTasks uint64
	// ImagesInRAM says that images take memory, so that kubelet has to remove them early.
	ImagesInRAM bool
}

// For returns the plan for a machine. What it keeps back is always less than the machine has, because kubelet does not
// start otherwise.
func For(m Machine) Plan {
	pods := min(maxPods, m.Memory/memoryOfAPod)
	p := Plan{
		System: Amounts{
			MilliCPU: systemMilliCPU,
			Memory:   min(m.Root+kernelMemory+min(m.Memory/kernelShare, kernelMost), m.Memory/2),
			Tasks:    min(kernelTasks+tasksPerCPU*m.CPUs, m.Tasks/4),
			Storage:  min(m.Storage/storageShare, storageMost),
		},
		Kube: Amounts{
			MilliCPU: kubeMilliCPU(m.CPUs),
			Memory:   min(programMemory+podMemory*pods, m.Memory*3/8),
			Tasks:    min(programTasks+podTasks*pods, m.Tasks/4),
		},
		EvictMemory: min(max(m.Memory/evictShare, evictLeast), evictMost, m.Memory/10),
	}
	if p.ImagesInRAM = m.InRAM; m.InRAM {
		p.System.Memory += p.imageMemory(m)
	}
	p.EvictTasks = p.System.Tasks + p.Kube.Tasks
	p.PodTasks = min(onePodTasks, (m.Tasks-p.EvictTasks)/2)
	return p
}

// imageMemory returns what images may take before kubelet looks for unused ones: neither the scheduler nor the limit of
// all pods may count on it. A machine too small for that keeps nothing back, and pods are evicted there.
func (p Plan) imageMemory(m Machine) uint64 {
	pods := m.Memory - p.System.Memory - p.Kube.Memory
	return min(m.Storage*imagesHigh/100, pods-min(pods, leastForPods))
}

// kubeMilliCPU returns 6 % of the first processor, 1 % of the second, 0.5 % of the next two and 0.25 % of each further
// one, as managed clusters do.
func kubeMilliCPU(cpus uint64) uint64 {
	quarters := uint64(0) // of a thousandth of a processor
	for cpu := range cpus {
		switch {
		case cpu == 0:
			quarters += 240
		case cpu == 1:
			quarters += 40
		case cpu < 4:
			quarters += 20
		default:
			quarters += 10
		}
	}
	return quarters / 4
}

// StateInRAM returns the size of the file system that takes the place of a missing data partition: half of what the
// pods have, so that a full one leaves memory to run in.
func StateInRAM(memory, root uint64) uint64 {
	p := For(Machine{Memory: memory, Root: root})
	return (memory - p.System.Memory - p.Kube.Memory) / 2
}
