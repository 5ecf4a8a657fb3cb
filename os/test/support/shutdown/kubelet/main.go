// Kubelet's own shutdown manager with pods that only take time to end. Its argument is the configuration; each line
// that it writes is an event, and its log goes to standard error as kubelet's does. It runs until it is killed.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/record"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/kubelet/nodeshutdown"
	"k8s.io/kubernetes/pkg/kubelet/volumemanager"
)

// pod is one that ends a number of milliseconds after it is asked, or when its grace period is over.
type pod struct {
	Name     string `json:"name"`
	Priority int32  `json:"priority"`
	Grace    int64  `json:"graceSeconds"`
	Takes    int64  `json:"takesMs"`
}

type configuration struct {
	Period   int64 `json:"periodSeconds"`
	Critical int64 `json:"criticalSeconds"`
	Pods     []pod `json:"pods"`
}

var writing sync.Mutex

func say(event string, fields map[string]any) {
	line := map[string]any{"event": event}
	for name, value := range fields {
		line[name] = value
	}
	writing.Lock()
	defer writing.Unlock()
	json.NewEncoder(os.Stdout).Encode(line)
}

func (c configuration) active() []*v1.Pod {
	var pods []*v1.Pod
	for _, one := range c.Pods {
		pods = append(pods, &v1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: one.Name, UID: types.UID(one.Name)},
			Spec:       v1.PodSpec{Priority: &one.Priority, TerminationGracePeriodSeconds: &one.Grace},
		})
	}
	return pods
}

func (c configuration) kill(dying *v1.Pod, _ bool, grace *int64, change func(*v1.PodStatus)) error {
	var status v1.PodStatus
	change(&status)
	say("asked", map[string]any{"pod": dying.Name, "graceSeconds": *grace, "phase": status.Phase, "reason": status.Reason})
	for _, one := range c.Pods {
		if one.Name == dying.Name {
			time.Sleep(min(time.Duration(one.Takes)*time.Millisecond, time.Duration(*grace)*time.Second))
		}
	}
	say("ended", map[string]any{"pod": dying.Name})
	return nil
}

func run() error {
	var c configuration
	if err := json.Unmarshal([]byte(os.Args[1]), &c); err != nil {
		return err
	}
	var manager nodeshutdown.Manager
	manager = nodeshutdown.NewManager(&nodeshutdown.Config{
		Logger:        klog.Background(),
		VolumeManager: volumemanager.NewFakeVolumeManager(nil, 0, nil, false),
		Recorder:      record.NewFakeRecorder(100),
		NodeRef:       &v1.ObjectReference{Kind: "Node", Name: "node"},
		GetPodsFunc:   c.active,
		KillPodFunc:   c.kill,
		SyncNodeStatusFunc: func(context.Context) {
			say("status", map[string]any{"shuttingDown": manager.ShutdownStatus() != nil})
		},
		ShutdownGracePeriodRequested:    time.Duration(c.Period) * time.Second,
		ShutdownGracePeriodCriticalPods: time.Duration(c.Critical) * time.Second,
		StateDirectory:                  os.TempDir(),
	})
	if err := manager.Start(context.Background()); err != nil {
		return err
	}
	say("started", nil)
	for was := false; ; time.Sleep(20 * time.Millisecond) {
		if is := manager.ShutdownStatus() != nil; is != was {
			was = is
			say("shutting-down", map[string]any{"is": is})
		}
	}
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
