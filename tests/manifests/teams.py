"""A team: somebody with the built-in role edit in a namespace, to whom a test gives what else they need."""

from dataclasses import dataclass

from manifests.people import Person, Rights
from mintmaster.api.names import GROUP


@dataclass(frozen=True)
class Team:
    """A namespace, its member, and the administrator who gives them rights."""

    admin: Person
    namespace: str
    member: Person
    user: str

    @property
    def rights(self) -> Rights:
        return Rights(self.admin)

    def give(self, verb: str, resource: str, *names: str) -> None:
        """Let the member do something of our group in the whole cluster."""
        self.rights.give(self.user, verb, resource, *names)

    def bind(self, role: str) -> None:
        """Bind a shipped ClusterRole to the member."""
        self.rights.bind(self.user, role)

    def own_everything_here(self) -> None:
        """Give the member all verbs on all resources of the namespace."""
        self.rights.bind(self.user, "cluster-admin", self.namespace)
        self.rights.wait(
            self.user, verb="grant", group=GROUP, resource="scopes", namespace=self.namespace
        )


def team_in(admin: Person, namespace: str) -> Team:
    """Make somebody who may edit in a namespace, and wait until they may."""
    user = f"member-of-{namespace}"
    team = Team(admin, namespace, admin.named(user), user)
    team.rights.bind(user, "edit", namespace)
    team.rights.wait(
        user, verb="create", group=GROUP, resource="clientapplications", namespace=namespace
    )
    return team
