package provider

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

const theUser = "kafkafleet_user.test"

// user writes the configuration of one user; without a password for "".
func user(name, password, more string) string {
	if password != "" {
		more += fmt.Sprintf("\n  password_wo = %q", password)
	}
	return fmt.Sprintf("resource \"kafkafleet_user\" \"test\" {\n  name = %q\n  %s\n}\n", name, more)
}

// credential is a credential for the tests' own changes past Terraform.
func credential(name, mechanism, password string, iterations int32) kafka.UserCredential {
	return kafka.UserCredential{User: name, Mechanism: mechanism, Password: password, Iterations: iterations}
}

// setUser sets a credential past Terraform.
func setUser(t *testing.T, u kafka.UserCredential) {
	t.Helper()
	if err := direct(t, sharedKafka(t)).SetUserCredential(t.Context(), u); err != nil {
		t.Fatal(err)
	}
}

// dropUser deletes a credential past Terraform.
func dropUser(t *testing.T, name, mechanism string) {
	t.Helper()
	if err := direct(t, sharedKafka(t)).DeleteUserCredential(t.Context(), name, mechanism); err != nil {
		t.Fatal(err)
	}
}

// credentialsAre checks a user's credentials in Kafka: iterations by mechanism, none for nil.
func credentialsAre(t *testing.T, name string, want map[string]int32) resource.TestCheckFunc {
	return func(*terraform.State) error {
		got, err := direct(t, sharedKafka(t)).UserCredentials(t.Context(), name)
		if err != nil && !gone(err) {
			return err
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			return fmt.Errorf("user %q has the credentials %v, want %v", name, got, want)
		}
		return nil
	}
}

// logsIn checks that every broker takes one password of a user and none of the others. A broker shows a credential a moment before it
// takes it, so the first one is waited for.
func logsIn(t *testing.T, name, mechanism, password string, others ...string) resource.TestCheckFunc {
	try := func(address, password string) error {
		k := kafka.New(kafka.Config{
			Bootstrap: func(context.Context) ([]string, error) { return []string{address}, nil },
			SASL:      &kafka.SASL{Mechanism: mechanism, Username: name, Password: password},
		})
		defer k.Close()
		_, _, err := k.Brokers(t.Context())
		return err
	}
	return func(*terraform.State) error {
		for _, address := range sharedKafka(t).SASLBootstrap() {
			eventually(t, time.Minute, func() string {
				if err := try(address, password); err != nil {
					return fmt.Sprintf("%s does not take the password: %s", address, err)
				}
				return ""
			})
			for _, other := range others {
				if err := try(address, other); !errors.Is(err, kafka.ErrInvalid) {
					return fmt.Errorf("%s answers %q to the password %q, want it refused", address, fmt.Sprint(err), other)
				}
			}
		}
		return nil
	}
}

func TestAccUserIsCreatedChangedInPlaceImportedAndDeleted(t *testing.T) {
	t.Parallel()
	var made calls
	const name, s256, s512 = "team/alice, =1", "SCRAM-SHA-256", "SCRAM-SHA-512"
	const both = `mechanisms = ["SCRAM-SHA-256", "SCRAM-SHA-512"]`
	config := func(password, more string) string { return onShared(t, user(name, password, more)) }
	silent := func(config string) resource.TestStep {
		return resource.TestStep{
			PreConfig: func() { made.take() },
			Config:    config, ConfigPlanChecks: expect(theUser, plancheck.ResourceActionNoop),
			Check: func(*terraform.State) error {
				if got := made.take(); len(got) > 0 {
					return fmt.Errorf("a second apply made the mutating calls %q", got)
				}
				return nil
			},
		}
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(&made),
		CheckDestroy:             resource.ComposeAggregateTestCheckFunc(credentialsAre(t, name, nil), credentialsAre(t, "bob", nil)),
		Steps: []resource.TestStep{
			{
				Config: config("first", ""), ConfigPlanChecks: expect(theUser, plancheck.ResourceActionCreate),
				ConfigStateChecks: []statecheck.StateCheck{
					has(theUser, "id", knownvalue.StringExact("team%2Falice, =1")),
					has(theUser, "mechanisms", knownvalue.SetExact([]knownvalue.Check{knownvalue.StringExact(s512)})),
					has(theUser, "iterations", knownvalue.Int64Exact(16384)),
					has(theUser, "password_wo", knownvalue.Null()),
					has(theUser, "password_set_at", knownvalue.NotNull()),
					statecheck.ExpectIdentity(theUser, map[string]knownvalue.Check{"cluster": knownvalue.Null(), "name": knownvalue.StringExact(name)}),
				},
				Check: resource.ComposeAggregateTestCheckFunc(credentialsAre(t, name, map[string]int32{s512: 16384}), logsIn(t, name, s512, "first")),
			},
			silent(config("first", "")),
			{
				// An edited password without a version is an update.
				Config: config("second", ""), ConfigPlanChecks: expect(theUser, plancheck.ResourceActionUpdate),
				Check: resource.ComposeAggregateTestCheckFunc(credentialsAre(t, name, map[string]int32{s512: 16384}), logsIn(t, name, s512, "second", "first")),
			},
			silent(config("second", "")),
			{
				// What was set by a version is compared with no longer, and the version decides.
				Config: config("third", "password_wo_version = 1"), ConfigPlanChecks: expect(theUser, plancheck.ResourceActionUpdate),
				Check: logsIn(t, name, s512, "third", "second"),
			},
			silent(config("fourth", "password_wo_version = 1")),
			{
				Config: config("fourth", "password_wo_version = 2"), ConfigPlanChecks: expect(theUser, plancheck.ResourceActionUpdate),
				Check: logsIn(t, name, s512, "fourth", "third"),
			},
			{
				Config: config("fourth", both+"\n  iterations = 4096"), ConfigPlanChecks: expect(theUser, plancheck.ResourceActionUpdate),
				Check: resource.ComposeAggregateTestCheckFunc(
					credentialsAre(t, name, map[string]int32{s256: 4096, s512: 4096}), logsIn(t, name, s256, "fourth"), logsIn(t, name, s512, "fourth"),
				),
			},
			// Without its password the user is managed as it is.
			silent(config("", "")),
			{Config: config("", ""), ResourceName: theUser, ImportState: true, ImportStateVerify: true, ImportStateVerifyIgnore: []string{"password_set_at"}},
			{Config: config("", ""), ResourceName: theUser, ImportState: true, ImportStateKind: resource.ImportBlockWithID},
			{Config: config("", ""), ResourceName: theUser, ImportState: true, ImportStateKind: resource.ImportBlockWithResourceIdentity},
			{
				// Of the two, one has other iterations than it was given.
				PreConfig: func() { setUser(t, credential(name, s512, "x", 8192)) },
				Config:    config("fourth", both+"\n  iterations = 4096"), ConfigPlanChecks: expect(theUser, plancheck.ResourceActionUpdate),
				Check: resource.ComposeAggregateTestCheckFunc(credentialsAre(t, name, map[string]int32{s256: 4096, s512: 4096}), logsIn(t, name, s512, "fourth", "x")),
			},
			{
				PreConfig: func() { dropUser(t, name, s256) },
				Config:    config("fourth", both+"\n  iterations = 4096"), ConfigPlanChecks: expect(theUser, plancheck.ResourceActionUpdate),
				Check: logsIn(t, name, s256, "fourth"),
			},
			{
				// A mechanism is taken away without the password.
				Config: config("", `mechanisms = ["SCRAM-SHA-512"]`), ConfigPlanChecks: expect(theUser, plancheck.ResourceActionUpdate),
				Check: credentialsAre(t, name, map[string]int32{s512: 4096}),
			},
			{
				// A login that others have added is drift.
				PreConfig: func() { setUser(t, credential(name, s256, "backdoor", 4096)) },
				Config:    config("fourth", "iterations = 4096"), ConfigPlanChecks: expect(theUser, plancheck.ResourceActionUpdate),
				Check: credentialsAre(t, name, map[string]int32{s512: 4096}),
			},
			{
				PreConfig: func() { dropUser(t, name, s512) },
				Config:    config("fourth", ""), ConfigPlanChecks: expect(theUser, plancheck.ResourceActionCreate),
				Check: logsIn(t, name, s512, "fourth"),
			},
			{
				Config: onShared(t, user("bob", "fourth", "")), ConfigPlanChecks: expect(theUser, plancheck.ResourceActionDestroyBeforeCreate),
				Check: resource.ComposeAggregateTestCheckFunc(credentialsAre(t, name, nil), logsIn(t, "bob", s512, "fourth")),
			},
		},
	})
}

func TestAccImportedUserKeepsItsPasswordUntilOneIsDeclared(t *testing.T) {
	t.Parallel()
	const name, mechanism = "carol", "SCRAM-SHA-512"
	setUser(t, credential(name, mechanism, "hers", 4096))
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(nil),
		CheckDestroy:             credentialsAre(t, name, nil),
		Steps: []resource.TestStep{
			{Config: onShared(t, user(name, "", "")), ResourceName: theUser, ImportState: true, ImportStateId: name, ImportStatePersist: true},
			{
				Config: onShared(t, user(name, "", "")), ConfigPlanChecks: expect(theUser, plancheck.ResourceActionNoop),
				ConfigStateChecks: []statecheck.StateCheck{has(theUser, "iterations", knownvalue.Int64Exact(4096)), has(theUser, "password_set_at", knownvalue.Null())},
				Check:             logsIn(t, name, mechanism, "hers"),
			},
			{
				Config: onShared(t, user(name, "", "iterations = 8192")), PlanOnly: true,
				ExpectError: message(`cannot be changed without the password...which is 4096`),
			},
			{
				Config: onShared(t, user(name, "", `mechanisms = ["SCRAM-SHA-256", "SCRAM-SHA-512"]`)), PlanOnly: true,
				ExpectError: message(`cannot be added without the password`),
			},
			{
				Config: onShared(t, user(name, "ours", "")), ConfigPlanChecks: expect(theUser, plancheck.ResourceActionUpdate),
				Check: resource.ComposeAggregateTestCheckFunc(credentialsAre(t, name, map[string]int32{mechanism: 16384}), logsIn(t, name, mechanism, "ours", "hers")),
			},
		},
	})
}

func TestAccUserThatExistsIsNotTakenOver(t *testing.T) {
	t.Parallel()
	const name, mechanism = "dave", "SCRAM-SHA-256"
	setUser(t, credential(name, mechanism, "his", 4096))
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(nil),
		Steps: []resource.TestStep{{
			Config:      onShared(t, user(name, "ours", "")),
			ExpectError: message(`exists already, by SCRAM-SHA-256...terraform import <address> 'dave'`),
		}},
	})
	if err := logsIn(t, name, mechanism, "his", "ours")(nil); err != nil {
		t.Error(err)
	}
}

func TestAccUserStaysInTheStateWhileKafkaIsUnreachable(t *testing.T) {
	t.Parallel()
	const name = "erin"
	config := user(name, "hers", "")
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(nil),
		Steps: []resource.TestStep{
			{Config: onShared(t, config), ConfigPlanChecks: expect(theUser, plancheck.ResourceActionCreate)},
			{Config: withKafka([]string{"127.0.0.1:1"}, config), PlanOnly: true, ExpectError: message(`User "erin" could not be read...127.0.0.1:1...stays in the state`)},
			{Config: onShared(t, config), ConfigPlanChecks: expect(theUser, plancheck.ResourceActionNoop)},
		},
	})
}

// TestAccUserThatIsCreatedInPartIsMadeAnew: Kafka takes one mechanism after the other, and may refuse the second.
func TestAccUserThatIsCreatedInPartIsMadeAnew(t *testing.T) {
	t.Parallel()
	fake, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	asked := 0
	fake.ControlKey(int16(kmsg.AlterUserSCRAMCredentials), func(req kmsg.Request) (kmsg.Response, error, bool) {
		fake.KeepControl()
		resp, ok := req.ResponseKind().(*kmsg.AlterUserSCRAMCredentialsResponse)
		if asked++; !ok || asked != 2 {
			return nil, nil, false
		}
		result := kmsg.NewAlterUserSCRAMCredentialsResponseResult()
		result.User, result.ErrorCode = "frank", kerr.PolicyViolation.Code
		resp.Results = append(resp.Results, result)
		return resp, nil, true
	})
	config := withKafka(fake.ListenAddrs(), user("frank", "secret-of-frank", `mechanisms = ["SCRAM-SHA-256", "SCRAM-SHA-512"]`))
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(nil),
		Steps: []resource.TestStep{
			{Config: config, ExpectError: message(`User "frank" may be created in part...SCRAM-SHA-512...POLICY_VIOLATION...makes it anew`)},
			{Config: config, ConfigPlanChecks: expect(theUser, plancheck.ResourceActionDestroyBeforeCreate)},
		},
	})
}

func TestAccUserFaultsAreToldAtPlan(t *testing.T) {
	t.Parallel()
	plan := func(config, told string) resource.TestStep {
		return resource.TestStep{Config: onShared(t, config), PlanOnly: true, ExpectError: message(told)}
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(nil),
		Steps: []resource.TestStep{
			plan(user("", "p", ""), `The name is empty`),
			plan(user("jürgen", "p", ""), `Not a user's name...'ü'...ASCII`),
			plan(user("a", "p", "iterations = 4095"), `between 4096 and 16384, got: 4095`),
			plan(user("a", "p", "iterations = 16385"), `between 4096 and 16384, got: 16385`),
			plan(user("a", "p", `mechanisms = ["PLAIN"]`), `"SCRAM-SHA-256" "SCRAM-SHA-512"`),
			plan(user("a", "p", `mechanisms = []`), `at least 1`),
			plan(user("a", "", `password_wo = ""`), `at least 1`),
			plan(user("a", "", "password_wo_version = 1"), `password_wo`),
			plan(user("a", "", ""), `A new user needs a password...terraform import <address> 'a'`),
			{Config: onShared(t, user("a", "p", "")), ResourceName: theUser, ImportState: true, ImportStateId: "prod/", ExpectError: message(`the name is empty`)},
			{Config: onShared(t, user("a", "p", "")), ResourceName: theUser, ImportState: true, ImportStateId: "no-such-user", ExpectError: message(`Cannot import non-existent remote object`)},
		},
	})
}

// TestUserPasswordIsSetWhen is the decision at plan for a user that exists and has a password declared.
func TestUserPasswordIsSetWhen(t *testing.T) {
	one, two, none := types.Int64Value(1), types.Int64Value(2), types.Int64Null()
	same, other, later := types.StringValue("same"), types.StringValue("edited-secret"), types.StringUnknown()
	s256, s512 := []string{"SCRAM-SHA-256"}, []string{"SCRAM-SHA-512"}
	both := slices.Concat(s256, s512)
	mark := markOf("same", 4096)
	tests := map[string]struct {
		mark            passwordMark
		password        types.String
		version, before types.Int64
		mechanisms, had []string
		iterations      int64
		sets, warns     bool
	}{
		"nothing has changed":              {mark: mark, password: same},
		"another password":                 {mark: mark, password: other, sets: true},
		"a password that is not known yet": {mark: mark, password: later, sets: true},
		"an imported user":                 {password: same, sets: true},
		"a mark of another function":       {mark: passwordMark{KDF: "none", Salt: mark.Salt, Hash: mark.Hash}, password: same, sets: true},
		"another version":                  {mark: mark, password: same, version: two, before: one, sets: true},
		"a version that is not known yet":  {mark: mark, password: same, version: types.Int64Unknown(), before: one, sets: true},
		"a first version":                  {mark: mark, password: same, version: one, before: none, sets: true},
		"no version any more":              {mark: mark, password: same, version: none, before: one},
		"another password, same version":   {mark: mark, password: other, version: one, before: one, warns: true},
		"same password, same version":      {mark: mark, password: same, version: one, before: one},
		"not known yet, same version":      {mark: mark, password: later, version: one, before: one},
		"other iterations":                 {mark: mark, password: same, iterations: 8192, version: one, before: one, sets: true},
		"a mechanism more":                 {mark: mark, password: same, mechanisms: both, had: s512, version: one, before: one, sets: true},
		"a mechanism less":                 {mark: mark, password: same, mechanisms: s512, had: both},
		"another mechanism":                {mark: mark, password: same, mechanisms: s256, had: s512, sets: true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if test.mechanisms == nil {
				test.mechanisms, test.had = s512, s512
			}
			config := userModel{PasswordWO: test.password}
			prior := userModel{Mechanisms: mechanismSet(test.had), Iterations: types.Int64Value(4096), PasswordWOVersion: test.before}
			m := userModel{Mechanisms: mechanismSet(test.mechanisms), Iterations: types.Int64Value(max(test.iterations, 4096)), PasswordWOVersion: test.version}
			var diags diag.Diagnostics
			if sets := m.sets(config, prior, test.mark, &diags); sets != test.sets || (diags.WarningsCount() > 0) != test.warns {
				t.Errorf("it is set: %v, with %v", sets, diags)
			}
			if text := fmt.Sprint(diags); strings.Contains(text, "edited-secret") {
				t.Errorf("the warning tells the password: %s", text)
			}
		})
	}
}

// TestProviderDoesNotLockItselfOut: the user that the provider itself logs in as keeps its password and the mechanism in use.
func TestProviderDoesNotLockItselfOut(t *testing.T) {
	login := &kafka.SASL{Mechanism: "SCRAM-SHA-512", Username: "admin", Password: "in-use"}
	plain := &kafka.SASL{Mechanism: "PLAIN", Username: "admin", Password: "in-use"}
	here, kept, keeps := types.StringNull(), types.StringNull(), []string{"SCRAM-SHA-512"}
	for name, test := range map[string]struct {
		login      *kafka.SASL
		cluster    types.String
		name       string
		mechanisms []string
		password   types.String
		refuses    bool
	}{
		"deletion":          {login, here, "admin", nil, kept, true},
		"another mechanism": {login, here, "admin", []string{"SCRAM-SHA-256"}, kept, true},
		"another password":  {login, here, "admin", keeps, types.StringValue("other"), true},
		"the same password": {login, here, "admin", keeps, types.StringValue("in-use"), false},
		"nothing":           {login, here, "admin", keeps, kept, false},
		"another user":      {login, here, "alice", nil, kept, false},
		"another cluster":   {login, types.StringValue("prod"), "admin", nil, kept, false},
		"no login":          {nil, here, "admin", nil, kept, false},
		"a login by PLAIN":  {plain, here, "admin", nil, kept, false},
	} {
		var diags diag.Diagnostics
		userModel{Cluster: test.cluster, Name: types.StringValue(test.name)}.checkLockout(test.login, test.mechanisms, test.password, &diags)
		if diags.HasError() != test.refuses {
			t.Errorf("%s: %v, want it refused: %v", name, diags, test.refuses)
		}
	}
}

func TestIterationsThatAreNotAsTheyWereSetAreShown(t *testing.T) {
	for _, test := range []struct {
		there map[string]int32
		set   int64
		want  int64
	}{
		{map[string]int32{"a": 4096}, 0, 4096},
		{map[string]int32{"a": 16384, "b": 4096}, 0, 4096},
		{map[string]int32{"a": 16384, "b": 16384}, 16384, 16384},
		{map[string]int32{"a": 16384, "b": 4096}, 16384, 4096},
		{map[string]int32{"a": 16384, "b": 4096}, 4096, 16384},
	} {
		if got := iterationsToShow(test.there, test.set); got != test.want {
			t.Errorf("%v, set with %d: shows %d, want %d", test.there, test.set, got, test.want)
		}
	}
}

func TestUserIDs(t *testing.T) {
	for _, id := range []string{"alice", "prod/alice", "a%2Fb", "prod/a%2Fb", "50%25", "prod/CN=shop, O=x"} {
		identity := parseUserID(id)
		if got := (userModel{Cluster: identity.Cluster, Name: identity.Name}).id().ValueString(); got != id {
			t.Errorf("%q came back as %q", id, got)
		}
	}
}
