// Reads what Isthmus wrote with Calico's own code, and prints it as JSON: the objects as the client gives them, after its
// validation; what becomes of an update that changes nothing; and what Felix gets from its syncer, after its filter.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"strings"
	"time"

	api "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/projectcalico/calico/felix/calc"
	"github.com/projectcalico/calico/felix/dispatcher"
	"github.com/projectcalico/calico/felix/proto"
	"github.com/projectcalico/calico/libcalico-go/lib/apiconfig"
	"github.com/projectcalico/calico/libcalico-go/lib/backend"
	bapi "github.com/projectcalico/calico/libcalico-go/lib/backend/api"
	"github.com/projectcalico/calico/libcalico-go/lib/backend/model"
	"github.com/projectcalico/calico/libcalico-go/lib/backend/syncersv1/felixsyncer"
	"github.com/projectcalico/calico/libcalico-go/lib/clientv3"
	"github.com/projectcalico/calico/libcalico-go/lib/options"
	v1v "github.com/projectcalico/calico/libcalico-go/lib/validator/v1"
	v3v "github.com/projectcalico/calico/libcalico-go/lib/validator/v3"
)

type object struct {
	Kind    string `json:"kind"`
	Name    string `json:"name"`
	Object  any    `json:"object"`
	Invalid string `json:"invalid"`
	Update  string `json:"update"`
}

type felixUpdate struct {
	Key     string `json:"key"`
	Value   any    `json:"value"`
	Invalid string `json:"invalid"`
}

// What Felix on another node makes of blocks, pools and Nodes: a way to a prefix.
type route struct {
	Dst  string `json:"dst"`
	Pool string `json:"pool"`
	Node string `json:"node"`
	Via  string `json:"via"`
}

type answer struct {
	Objects []object      `json:"objects"`
	Felix   []felixUpdate `json:"felix"`
	Routes  []route       `json:"routes"`
}

type routes struct{ held map[string]route }

func (r *routes) OnRouteUpdate(update *proto.RouteUpdate) {
	r.held[update.Dst] = route{update.Dst, update.IpPoolType.String(), update.DstNodeName, update.DstNodeIp}
}

func (r *routes) OnRouteRemove(dst string) { delete(r.held, dst) }

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// sink takes what Felix' syncer says, as felix/calc/validation_filter.go judges it, and hands it on when it is in sync.
// (A syncer that is stopped takes everything back: that is no part of it.)
type sink struct {
	updates []felixUpdate
	all     *dispatcher.Dispatcher
	synced  chan []felixUpdate
}

func (s *sink) OnStatusUpdated(status bapi.SyncStatus) {
	if status == bapi.InSync {
		s.synced <- s.updates
	}
}

func (s *sink) OnUpdates(updates []bapi.Update) {
	for _, update := range updates {
		s.all.OnUpdate(update)
		validate := v1v.Validate
		if _, isV3 := update.Key.(model.ResourceKey); isV3 {
			validate = v3v.Validate
		}
		said := felixUpdate{Key: fmt.Sprint(update.Key), Value: update.Value}
		if value := reflect.ValueOf(update.Value); value.Kind() == reflect.Ptr && value.Elem().Kind() == reflect.Struct {
			said.Invalid = text(validate(value.Elem().Interface()))
		}
		s.updates = append(s.updates, said)
	}
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	config := apiconfig.NewCalicoAPIConfig()
	config.Spec.DatastoreType = apiconfig.EtcdV3
	config.Spec.EtcdEndpoints = os.Args[1]
	client, err := clientv3.New(*config)
	must(err)
	said := answer{Objects: []object{}, Felix: []felixUpdate{}, Routes: []route{}}
	keep := func(kind, name string, value any, update func() error) {
		if strings.HasPrefix(name, "isthmus-") {
			said.Objects = append(said.Objects, object{kind, name, value, text(v3v.Validate(value)), text(update())})
		}
	}

	globals, err := client.GlobalNetworkSets().List(ctx, options.ListOptions{})
	must(err)
	for i := range globals.Items {
		item := &globals.Items[i]
		keep(api.KindGlobalNetworkSet, item.Name, item, func() error {
			_, err := client.GlobalNetworkSets().Update(ctx, item, options.SetOptions{})
			return err
		})
	}
	sets, err := client.NetworkSets().List(ctx, options.ListOptions{})
	must(err)
	for i := range sets.Items {
		item := &sets.Items[i]
		keep(api.KindNetworkSet, item.Name, item, func() error {
			_, err := client.NetworkSets().Update(ctx, item, options.SetOptions{})
			return err
		})
	}
	pools, err := client.IPPools().List(ctx, options.ListOptions{})
	must(err)
	for i := range pools.Items {
		item := &pools.Items[i]
		keep(api.KindIPPool, item.Name, item, func() error {
			_, err := client.IPPools().Update(ctx, item, options.SetOptions{})
			return err
		})
	}
	peers, err := client.BGPPeers().List(ctx, options.ListOptions{})
	must(err)
	for i := range peers.Items {
		item := &peers.Items[i]
		keep(api.KindBGPPeer, item.Name, item, func() error {
			_, err := client.BGPPeers().Update(ctx, item, options.SetOptions{})
			return err
		})
	}

	nodes, err := client.Nodes().List(ctx, options.ListOptions{})
	must(err)
	for i := range nodes.Items {
		item := &nodes.Items[i]
		keep("Node", item.Name, item, func() error {
			_, err := client.Nodes().Update(ctx, item, options.SetOptions{})
			return err
		})
	}

	store, err := backend.NewClient(*config)
	must(err)
	made := &routes{map[string]route{}}
	all := dispatcher.NewDispatcher()
	resolver := calc.NewL3RouteResolver("worker-1", made, true, "CalicoIPAM")
	resolver.OnAlive = func() {}
	resolver.RegisterWith(all, dispatcher.NewDispatcher())
	felix := &sink{all: all, synced: make(chan []felixUpdate, 1)}
	syncer := felixsyncer.New(store, config.Spec, felix, true)
	syncer.Start()
	select {
	case said.Felix = <-felix.synced:
	case <-ctx.Done():
		must(ctx.Err())
	}
	for _, one := range made.held {
		said.Routes = append(said.Routes, one)
	}
	must(json.NewEncoder(os.Stdout).Encode(said))
}
