// What somebody does who makes and looks after runners with GitLab's own client for Go; it prints what it found as JSON.
package main

import (
	"encoding/json"
	"log"
	"net/http"
	"os"

	gitlab "gitlab.com/gitlab-org/api/client-go/v2"
)

func must[T any](value T, _ *gitlab.Response, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

// status is what a request that must fail was answered with, as the client understands it.
func status(response *gitlab.Response, err error) int {
	if err == nil || response == nil {
		log.Fatalf("it did not fail: %v", err)
	}
	return response.StatusCode
}

func client(token string) *gitlab.Client {
	made, err := gitlab.NewClient(token, gitlab.WithBaseURL(os.Getenv("GITLAB_URL")), gitlab.WithCustomRetryMax(0))
	if err != nil {
		log.Fatal(err)
	}
	return made
}

func main() {
	root := client(os.Getenv("TOKEN"))
	user := must(root.Users.CurrentUser())
	made := must(root.Users.CreateUserRunner(&gitlab.CreateUserRunnerOptions{
		RunnerType:  gitlab.Ptr("project_type"),
		ProjectID:   gitlab.Ptr(int64(3)),
		Description: gitlab.Ptr("by Go"),
		TagList:     &[]string{"a", "b"},
	}))
	verified, err := root.Runners.VerifyRegisteredRunner(&gitlab.VerifyRegisteredRunnerOptions{Token: gitlab.Ptr(made.Token)})
	if err != nil || verified.StatusCode != http.StatusOK {
		log.Fatal(err)
	}
	listed := must(root.Runners.ListRunners(&gitlab.ListRunnersOptions{TagList: &[]string{"a"}}))
	changed := must(root.Runners.UpdateRunnerDetails(made.ID, &gitlab.UpdateRunnerDetailsOptions{Paused: gitlab.Ptr(true)}))
	reset := must(root.Runners.ResetRunnerAuthenticationToken(made.ID))
	former, formerErr := root.Runners.VerifyRegisteredRunner(&gitlab.VerifyRegisteredRunnerOptions{Token: gitlab.Ptr(made.Token)})
	if _, err := root.Runners.RemoveRunner(made.ID); err != nil {
		log.Fatal(err)
	}
	_, gone, goneErr := root.Runners.GetRunnerDetails(made.ID)

	token := must(root.Users.CreatePersonalAccessToken(user.ID, &gitlab.CreatePersonalAccessTokenOptions{
		Name:   gitlab.Ptr("robot"),
		Scopes: &[]string{"api", "self_rotate"},
	}))
	robot := client(token.Token)
	rotated := must(robot.PersonalAccessTokens.RotatePersonalAccessTokenSelf(nil))
	_, old, oldErr := robot.PersonalAccessTokens.GetSinglePersonalAccessToken()
	named := must(root.PersonalAccessTokens.ListPersonalAccessTokens(&gitlab.ListPersonalAccessTokensOptions{
		Search: gitlab.Ptr("robot"),
		State:  gitlab.Ptr("active"),
	}))
	if _, err := root.PersonalAccessTokens.RevokePersonalAccessTokenByID(rotated.ID); err != nil {
		log.Fatal(err)
	}

	found := map[string]any{
		"user":    user.Username,
		"prefix":  made.Token[:8],
		"expires": made.TokenExpiresAt,
		"listed":  len(listed),
		"paused":  changed.Paused,
		"tags":    changed.TagList,
		"another": reset.Token != nil && *reset.Token != made.Token,
		"former":  status(former, formerErr),
		"gone":    status(gone, goneErr),
		"rotated": rotated.ID != token.ID && rotated.Name == "robot",
		"old":     status(old, oldErr),
		"named":   len(named),
	}
	if err := json.NewEncoder(os.Stdout).Encode(found); err != nil {
		log.Fatal(err)
	}
}
