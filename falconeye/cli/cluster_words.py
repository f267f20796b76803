"""The words of `falconeye join` and `falconeye node …`."""

from falconeye.cli.words import Commands, command, group


def add_cluster(commands: Commands) -> None:
    _add_join(commands)
    nodes = group(commands, "node", "the nodes of the cluster")
    command(
        nodes, "list", "falconeye.cli.nodes:show", "list the members, this node among them",
    )  # fmt: skip
    command(
        nodes, "code", "falconeye.cli.nodes:code",
        "make a code by which another node joins: once, within ten minutes",
        examples="  falconeye node code\n",
        note="Type what it prints on the other node, or paste it on its page of nodes.\n"
        "The recorder must run here: the other node asks it.",
    )  # fmt: skip
    remove = command(
        nodes, "remove", "falconeye.cli.nodes:remove",
        "expel a member at once; lists the camera passwords that it knows",
        examples="  falconeye node remove pi-2\n",
    )  # fmt: skip
    remove.add_argument("node", metavar="NODE", help="its name or id")
    remove.add_argument("--yes", action="store_true", help="do not ask")
    replace = command(
        nodes, "replace", "falconeye.cli.nodes:replace",
        "give a member's cameras to another one, and expel it",
        examples="  falconeye node replace pi-2 pi-5\n",
        note="Cameras at its own ports and loopback addresses stay with it, and its footage too.",
    )  # fmt: skip
    replace.add_argument("node", metavar="OLD", help="the name or id of the one that goes")
    replace.add_argument("by", metavar="NEW", help="the name or id of the one in its place")
    replace.add_argument("--yes", action="store_true", help="do not ask")
    rename = command(
        nodes, "rename", "falconeye.cli.nodes:rename", "call a member otherwise, on all nodes"
    )
    rename.add_argument("node", metavar="NODE", help="its name or id")
    rename.add_argument("name", metavar="NAME", help="up to 63 letters, digits, dots, hyphens")
    command(
        nodes, "new-id", "falconeye.cli.nodes:new_id",
        "make this node another one: after its disk was copied, or it was removed",
        note="With the recorder stopped. Cameras and footage stay; it belongs to no cluster then.",
    )  # fmt: skip


def _add_join(commands: Commands) -> None:
    join = command(
        commands, "join", "falconeye.cli.join:join",
        "join the cluster that a code is of; says first what will happen",
        examples="""\
  falconeye node code           on a node of the cluster
  falconeye join FE1-AYCoAb…    on the one that joins
""",
        note="Cameras and footage are kept; users, tokens and settings become the cluster's.",
    )  # fmt: skip
    join.add_argument("code", metavar="CODE", help="as 'falconeye node code' prints it")
    join.add_argument("--yes", action="store_true", help="do not ask")


def add_tls(commands: Commands) -> None:
    """The words of `falconeye tls …`."""
    tls = group(commands, "tls", "HTTPS: the certificate authority of the cluster")
    command(
        tls, "show", "falconeye.cli.tls:show",
        "print its fingerprint, to compare with what the page /ca and devices show",
    )  # fmt: skip
    new = command(
        tls, "new-authority", "falconeye.cli.tls:new_authority",
        "make another one: after a node was stolen, or so that it may name a new name",
        examples="  falconeye tls new-authority --yes\n",
        note="Every device has to be told of the new one (page /ca) before browsers trust it.",
    )  # fmt: skip
    new.add_argument("--yes", action="store_true", help="do it")
