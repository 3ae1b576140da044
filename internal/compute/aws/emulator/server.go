// Package emulator is an EC2 with Systems Manager on one machine, for tests: moto, and in front of it what it lacks and what hurts in real life.
//
// Moto knows instance types, subnets, tags and parameters. What is added: a client token stands for one instance, and for none when that one was
// terminated; an instance is pending for a while, stopping while its machine shuts down, and gone some time after; new instances are shown late;
// a zone has no capacity; calls are throttled, credentials expire, and replies are lost after their effect.
package emulator

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Config is how the emulated cloud behaves.
type Config struct {
	// Moto is where moto answers, such as "http://127.0.0.1:5000".
	Moto string
	// Boot starts the machine of an instance.
	Boot func(Instance) Power
	// PendingFor, HiddenFor and GoneAfter are how long an instance is pending, is not shown after its launch, and is shutting down.
	PendingFor, HiddenFor, GoneAfter time.Duration
	// PlacementGroups are those that exist, by name, with their strategies.
	PlacementGroups map[string]string
}

// Faults strike calls. The zero value is none.
type Faults struct {
	// FullZones have no capacity, for the instance types of their values; none of them means all.
	FullZones map[string][]string
	// Throttle is how many of the next calls are refused with RequestLimitExceeded.
	Throttle int
	// LoseReplies is of which actions the next reply is lost after the effect.
	LoseReplies map[string]int
	// LoseLaunches loses the first reply to each launch after its effect.
	LoseLaunches bool
	// After is done once, right after the next call of an action has had its effect and before its reply.
	After map[string]func()
	// Expired refuses every call, as for credentials that have expired.
	Expired bool
	// DieAtBoot is how many of the next instances are terminated by EC2 as soon as they run.
	DieAtBoot int
}

// Server is the emulated cloud.
type Server struct {
	cfg      Config
	listener net.Listener
	http     http.Server
	work     sync.WaitGroup
	ended    chan struct{}
	// ec2Replies and ssmReplies are apart: a renewed lease changes nothing of instances.
	ec2Replies, ssmReplies replies

	mu       sync.Mutex
	faults   Faults
	calls    map[string]map[string]int
	machines map[string]*machine
	tokens   map[string]launched
	// lost are the tokens of the launches whose first reply was lost.
	lost map[string]bool
}

// launched is what a client token stands for.
type launched struct {
	request, instance string
	reply             []byte
}

// Start serves at an address of the loopback interface, or at the one given.
func Start(address string, cfg Config) (*Server, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, listener: l, ended: make(chan struct{}), calls: map[string]map[string]int{}, machines: map[string]*machine{}, tokens: map[string]launched{}, lost: map[string]bool{}}
	s.http = http.Server{Handler: http.HandlerFunc(s.serve), ReadHeaderTimeout: time.Minute}
	s.work.Go(func() { _ = s.http.Serve(l) })
	return s, nil
}

// URL is where it serves.
func (s *Server) URL() string { return "http://" + s.listener.Addr().String() }

// Close kills all machines and ends.
func (s *Server) Close() error {
	s.mu.Lock()
	for _, m := range s.machines {
		s.terminate(m, "")
	}
	s.mu.Unlock()
	err := s.http.Close()
	close(s.ended)
	s.work.Wait()
	return err
}

// Strike sets the faults.
func (s *Server) Strike(f Faults) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = f
}

// Schedule has an instance scheduled for retirement.
func (s *Server) Schedule(id, reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.machines[id].event = reason
}

// Calls is how often each action was called.
func (s *Server) Calls() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := map[string]int{}
	for _, calls := range s.calls {
		for action, n := range calls {
			all[action] += n
		}
	}
	return all
}

// Rights are the actions of IAM that the calls of an access key took, such as "ec2:RunInstances", with those that a call takes beside its own.
func (s *Server) Rights(accessKey string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.calls[accessKey]))
}

// Interrupt takes a spot instance back: its machine is told at once, and is terminated after the notice.
func (s *Server) Interrupt(id string, notice time.Duration) error {
	s.mu.Lock()
	m := s.machines[id]
	s.mu.Unlock()
	if m == nil || !m.spot || m.power == nil {
		return fmt.Errorf("%s is no spot instance that runs", id)
	}
	text := fmt.Sprintf(`{"action":"terminate","time":%q}`, time.Now().Add(notice).UTC().Format(time.RFC3339))
	if err := m.power.Announce("spot/instance-action", text); err != nil {
		return err
	}
	s.work.Go(func() {
		s.wait(notice)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.terminate(m, "Server.SpotInstanceTermination")
	})
	return nil
}

// Alive are the ids of the instances that are not terminated.
func (s *Server) Alive() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ids []string
	for id, m := range s.machines {
		if m.state != terminated {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// Launched are the instances that there ever were, and the launches that were asked for, each by its token.
func (s *Server) Launched() (instances []Instance, tokens int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.machines {
		instances = append(instances, m.Instance)
	}
	return instances, len(s.tokens)
}

// serve answers one call.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	form := url.Values{}
	_, action, isJSON := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	if !isJSON {
		if form, err = url.ParseQuery(string(body)); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		action = form.Get("Action")
	}
	code, reply := s.answer(r, action, form, body, isJSON)
	s.mu.Lock()
	after := s.faults.After[action]
	delete(s.faults.After, action)
	s.mu.Unlock()
	if after != nil {
		after()
	}
	if s.loses(action, form) {
		panic(http.ErrAbortHandler) // The connection is closed without a word.
	}
	contentType := "text/xml"
	if isJSON {
		contentType = "application/x-amz-json-1.1"
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Date", time.Now().UTC().Format(http.TimeFormat))
	w.WriteHeader(code)
	_, _ = w.Write(reply)
}

func (s *Server) loses(action string, form url.Values) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if token := form.Get("ClientToken"); action == "RunInstances" && s.faults.LoseLaunches && !s.lost[token] {
		s.lost[token] = true
		return true
	}
	if s.faults.LoseReplies[action] == 0 {
		return false
	}
	s.faults.LoseReplies[action]--
	return true
}

// answer is the effect of a call and its reply.
func (s *Server) answer(r *http.Request, action string, form url.Values, body []byte, isJSON bool) (code int, reply []byte) {
	s.mu.Lock()
	s.count(r, action, form, isJSON)
	refuse := ""
	switch {
	case s.faults.Expired:
		refuse = "ExpiredToken"
		if isJSON {
			refuse = "ExpiredTokenException"
		}
	case s.faults.Throttle > 0:
		s.faults.Throttle--
		refuse = "RequestLimitExceeded"
		if isJSON {
			refuse = "ThrottlingException"
		}
	}
	s.mu.Unlock()
	if refuse != "" {
		return failure(isJSON, refuse, "as the test wants it")
	}
	if isJSON {
		return s.moto(r, body)
	}
	switch action {
	case "RunInstances":
		return s.runInstances(r, form)
	case "DescribeInstances":
		return s.describeInstances(r, form)
	case "DescribeInstanceStatus":
		return http.StatusOK, s.describeStatus()
	case "DescribePlacementGroups":
		return s.describePlacementGroups(listed(form, "GroupName"))
	case "ModifyInstanceAttribute":
		s.mu.Lock()
		if m := s.machines[form.Get("InstanceId")]; m != nil && form.Has("DisableApiTermination.Value") {
			m.protected = form.Get("DisableApiTermination.Value") == "true"
		}
		s.mu.Unlock()
	case "StopInstances", "TerminateInstances":
		s.mu.Lock()
		for _, id := range listed(form, "InstanceId") {
			m := s.machines[id]
			if m != nil && m.spot && action == "StopInstances" {
				s.mu.Unlock()
				return failure(false, "UnsupportedOperation", "the instance "+id+" is of a spot request for one time, and is not stopped")
			}
			if m != nil && m.protected && action == "TerminateInstances" {
				s.mu.Unlock()
				return failure(false, "OperationNotPermitted", "the instance "+id+" may not be terminated: its attribute disableApiTermination says so")
			}
		}
		s.mu.Unlock()
		code, reply := s.moto(r, body)
		if code == http.StatusOK {
			s.mu.Lock()
			defer s.mu.Unlock()
			for _, id := range listed(form, "InstanceId") {
				if m := s.machines[id]; m != nil && action == "StopInstances" {
					s.stop(m)
				} else if m != nil {
					s.terminate(m, "User initiated")
				}
			}
		}
		return code, reply
	}
	return s.moto(r, body)
}

// count notes what a call takes. The server is locked.
func (s *Server) count(r *http.Request, action string, form url.Values, isJSON bool) {
	_, credential, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	key, scope, _ := strings.Cut(credential, "/")
	service := strings.Split(scope+"///", "/")[2]
	if s.calls[key] == nil {
		s.calls[key] = map[string]int{}
	}
	s.calls[key][service+":"+action]++
	if action == "RunInstances" && !isJSON {
		if form.Has("TagSpecification.1.ResourceType") {
			s.calls[key]["ec2:CreateTags"]++
		}
		if form.Has("IamInstanceProfile.Name") || form.Has("IamInstanceProfile.Arn") {
			s.calls[key]["iam:PassRole"]++
		}
	}
}

// moto hands a call on, or answers it by what moto said of the same one since the last write to the same service.
func (s *Server) moto(r *http.Request, body []byte) (code int, reply []byte) {
	target := r.Header.Get("X-Amz-Target") // EC2's calls have none.
	replies := &s.ec2Replies
	if target != "" {
		replies = &s.ssmReplies
	}
	if !strings.HasPrefix(target, "AmazonSSM.Get") && !bytes.Contains(body, []byte("Action=Describe")) {
		defer replies.forget()
		return s.ask(r, body)
	}
	key := target + "\n" + string(body)
	known, now := replies.of(key)
	if known != nil {
		return http.StatusOK, known
	}
	if code, reply = s.ask(r, body); code == http.StatusOK {
		replies.keep(key, reply, now)
	}
	return code, reply
}

// toMoto keeps no connection: moto closes one that is idle just when the next call comes, and that call, which may have an effect, is not repeated.
var toMoto = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// ask asks moto.
func (s *Server) ask(r *http.Request, body []byte) (code int, reply []byte) {
	req, err := http.NewRequestWithContext(r.Context(), r.Method, s.cfg.Moto+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		return http.StatusInternalServerError, []byte(err.Error())
	}
	req.Header = r.Header.Clone()
	req.Host = r.Host
	out, err := toMoto.Do(req)
	if err != nil {
		return http.StatusInternalServerError, []byte(err.Error())
	}
	defer func() { _ = out.Body.Close() }()
	if reply, err = io.ReadAll(out.Body); err != nil {
		return http.StatusInternalServerError, []byte(err.Error())
	}
	return out.StatusCode, reply
}

// failure is an error as EC2, or a service that speaks JSON, tells it.
func failure(isJSON bool, code, message string) (int, []byte) {
	status := http.StatusBadRequest
	switch code {
	case "RequestLimitExceeded":
		status = http.StatusServiceUnavailable
	case "InsufficientInstanceCapacity":
		status = http.StatusInternalServerError
	}
	if isJSON {
		return status, fmt.Appendf(nil, `{"__type":%q,"message":%q}`, code, message)
	}
	return status, fmt.Appendf(nil, `<?xml version="1.0"?><Response><Errors><Error><Code>%s</Code><Message>%s</Message></Error></Errors><RequestID>0</RequestID></Response>`, code, message)
}

// listed are the values of a list parameter, such as InstanceId.1, InstanceId.2.
func listed(form url.Values, name string) (values []string) {
	for i := 1; form.Has(name + "." + strconv.Itoa(i)); i++ {
		values = append(values, form.Get(name+"."+strconv.Itoa(i)))
	}
	return values
}

func (s *Server) runInstances(r *http.Request, form url.Values) (code int, reply []byte) {
	token, request := form.Get("ClientToken"), form.Encode()
	s.mu.Lock()
	known, again := s.tokens[token]
	if again {
		defer s.mu.Unlock()
		switch {
		case known.request != request:
			return failure(false, "IdempotentParameterMismatch", "the token was used with other parameters")
		case s.machines[known.instance].state == terminated:
			return failure(false, "IdempotentInstanceTerminated", "the instance of this token was terminated")
		}
		return http.StatusOK, known.reply
	}
	full := s.faults.FullZones
	s.mu.Unlock()
	spot := form.Get("InstanceMarketOptions.MarketType") == "spot"
	if spot && (form.Get("DisableApiTermination") == "true" || form.Get("InstanceInitiatedShutdownBehavior") == "stop") {
		return failure(false, "InvalidParameterCombination", "a spot instance is neither protected nor stopped")
	}
	zone, problem := s.zone(r, form.Get("SubnetId"))
	if problem != nil {
		return http.StatusBadRequest, problem
	}
	if kinds, isFull := full[zone]; isFull && (len(kinds) == 0 || slices.Contains(kinds, form.Get("InstanceType"))) {
		return failure(false, "InsufficientInstanceCapacity", "there is not enough capacity in "+zone)
	}
	if size := "BlockDeviceMapping.1.Ebs.VolumeSize"; form.Has("BlockDeviceMapping.1.Ebs.Encrypted") && !form.Has(size) {
		form.Set(size, "8") // That of the image, which moto does not know.
	}
	if code, reply = s.moto(r, []byte(form.Encode())); code != http.StatusOK {
		return code, reply
	}
	root, err := parse(reply)
	if err != nil {
		return http.StatusInternalServerError, []byte(err.Error())
	}
	item := root.at("instancesSet/item")
	data, err := base64.StdEncoding.DecodeString(form.Get("UserData"))
	if err != nil || len(data) > 16<<10 {
		return failure(false, "InvalidUserData.Malformed", "user data is base64 of at most 16 KB")
	}
	m := &machine{state: pending, spot: spot, protected: form.Get("DisableApiTermination") == "true", shown: time.Now().Add(s.cfg.HiddenFor), Instance: Instance{
		ID: item.text("instanceId"), Zone: zone, Type: form.Get("InstanceType"), Address: item.text("privateIpAddress"), UserData: string(data),
	}}
	item.set("instanceState/name", pending)
	item.set("instanceState/code", codes[pending])
	if reply, err = xml.Marshal(root); err != nil {
		return http.StatusInternalServerError, []byte(err.Error())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.machines[m.ID] = m
	s.tokens[token] = launched{request, m.ID, reply}
	dies := s.faults.DieAtBoot > 0
	if dies {
		s.faults.DieAtBoot--
	}
	s.work.Go(func() { s.launch(m, dies) })
	return http.StatusOK, reply
}

// zone asks for the zone of a subnet; otherwise problem is the answer of moto.
func (s *Server) zone(r *http.Request, subnet string) (zone string, problem []byte) {
	form := url.Values{"Action": {"DescribeSubnets"}, "Version": {"2016-11-15"}, "SubnetId.1": {subnet}}
	code, reply := s.moto(r, []byte(form.Encode()))
	root, err := parse(reply)
	if code != http.StatusOK || err != nil {
		return "", reply
	}
	return root.text("subnetSet/item/availabilityZone"), nil
}

const stateFilter = "instance-state-name"

func (s *Server) describeInstances(r *http.Request, form url.Values) (code int, reply []byte) {
	// Moto knows the states no better than that all run, so it is not asked for them.
	var states []string
	kept := url.Values{}
	n := 0
	for i := 1; form.Has(fmt.Sprintf("Filter.%d.Name", i)); i++ {
		name, values := form.Get(fmt.Sprintf("Filter.%d.Name", i)), listed(form, fmt.Sprintf("Filter.%d.Value", i))
		if name == stateFilter {
			states = values
			continue
		}
		n++
		kept.Set(fmt.Sprintf("Filter.%d.Name", n), name)
		for j, v := range values {
			kept.Set(fmt.Sprintf("Filter.%d.Value.%d", n, j+1), v)
		}
	}
	for key, values := range form {
		if !strings.HasPrefix(key, "Filter.") {
			kept[key] = values
		}
	}
	if code, reply = s.moto(r, []byte(kept.Encode())); code != http.StatusOK {
		return code, reply
	}
	root, err := parse(reply)
	if err != nil {
		return http.StatusInternalServerError, []byte(err.Error())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	missing := listed(form, "InstanceId")
	if set := root.at("reservationSet"); set != nil {
		for _, reservation := range set.Children {
			items := reservation.at("instancesSet")
			if items == nil {
				continue
			}
			items.Children = slices.DeleteFunc(items.Children, func(item *element) bool {
				m := s.machines[item.text("instanceId")]
				if m == nil || time.Now().Before(m.shown) || states != nil && !slices.Contains(states, m.state) {
					return m == nil || time.Now().Before(m.shown) || states != nil
				}
				missing = slices.DeleteFunc(missing, func(id string) bool { return id == m.ID })
				item.set("instanceState/name", m.state)
				item.set("instanceState/code", codes[m.state])
				item.set("reason", m.reason)
				if m.spot {
					item.set("instanceLifecycle", "spot")
				}
				return false
			})
		}
		set.Children = slices.DeleteFunc(set.Children, func(reservation *element) bool {
			items := reservation.at("instancesSet")
			return items == nil || len(items.Children) == 0
		})
	}
	if len(missing) > 0 && states == nil {
		return failure(false, "InvalidInstanceID.NotFound", "there are no instances "+strings.Join(missing, ", "))
	}
	if reply, err = xml.Marshal(root); err != nil {
		return http.StatusInternalServerError, []byte(err.Error())
	}
	return http.StatusOK, reply
}

// describeStatus tells what is scheduled. Moto knows nothing of it.
func (s *Server) describeStatus() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	b.WriteString(`<DescribeInstanceStatusResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>0</requestId><instanceStatusSet>`)
	for _, id := range slices.Sorted(maps.Keys(s.machines)) {
		if m := s.machines[id]; m.event != "" && m.state == running {
			fmt.Fprintf(&b, `<item><instanceId>%s</instanceId><eventsSet><item><code>instance-retirement</code><description>%s</description><notBefore>%s</notBefore></item></eventsSet></item>`,
				id, m.event, time.Now().Add(48*time.Hour).UTC().Format(time.RFC3339))
		}
	}
	b.WriteString(`</instanceStatusSet></DescribeInstanceStatusResponse>`)
	return []byte(b.String())
}

// describePlacementGroups tells of those that there are. Moto knows nothing of them.
func (s *Server) describePlacementGroups(names []string) (code int, reply []byte) {
	var b strings.Builder
	b.WriteString(`<DescribePlacementGroupsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>0</requestId><placementGroupSet>`)
	for _, name := range names {
		strategy, found := s.cfg.PlacementGroups[name]
		if !found {
			return failure(false, "InvalidPlacementGroup.Unknown", "there is no placement group "+name)
		}
		fmt.Fprintf(&b, `<item><groupName>%s</groupName><strategy>%s</strategy><state>available</state></item>`, name, strategy)
	}
	b.WriteString(`</placementGroupSet></DescribePlacementGroupsResponse>`)
	return http.StatusOK, []byte(b.String())
}
