"""What may be given away: nobody makes, lengthens or takes over an access that is more than theirs.

Managing people needs an admin without limits but one, the end date; the rule holds for all of them,
so that it stays true where another limit can manage people one day.
"""

from falconeye.accounts.displays import Shown
from falconeye.accounts.model import Principal, Role
from falconeye.accounts.users import Rights
from falconeye.base.errors import InvalidInput, NotAllowed
from falconeye.base.times import rfc3339


def require_grantable(giver: Principal, rights: Rights, before: Rights | None = None) -> None:
    """InvalidInput with the field in which `rights` are more than the giver's own.

    `before`: what that access has now. A change that only takes away is free.
    """
    if before is not None and _beyond(before, rights) is None:
        return
    field = _beyond(_own(giver), rights)
    if field is not None:
        raise InvalidInput(_words(giver, field), field=field)


def require_reach(giver: Principal, rights: Rights) -> None:
    """NotAllowed where an access with these rights is more than the giver's own.

    For passwords, links and pairings, by which the giver could come in as somebody else.
    """
    field = _beyond(_own(giver), rights)
    if field is not None:
        raise NotAllowed(_words(giver, field))


def require_endless(who: Principal) -> None:
    """NotAllowed for an access with an end date: for what brings in accounts from elsewhere."""
    if who.expires_at_us is not None:
        raise NotAllowed("an access with an end date may not: accounts without one could come in")


def require_endless_for_backup(who: Principal) -> None:
    """NotAllowed for an access with an end date: a backup has keys and passwords that outlive it.

    With it and its passphrase somebody else's machine is this node, accounts without an end on it.
    """
    if who.expires_at_us is not None:
        raise NotAllowed("an access with an end date may not: a backup holds keys that outlive it")


def rights_of_display(shown: Shown) -> Rights:
    """What a screen may see; of a saved wall as if it had all cameras, because walls change."""
    return Rights(Role.VIEWER, shown.cameras, live_only=True, expires_at_us=shown.expires_at_us)


def _own(giver: Principal) -> Rights:
    return Rights(giver.role, giver.cameras, giver.live_only, giver.expires_at_us)


def _beyond(limit: Rights, wanted: Rights) -> str | None:
    """The first field in which `wanted` is more than `limit`."""
    listed, ends = limit.cameras, limit.expires_at_us
    fits = {
        "role": limit.role.includes(wanted.role),
        "cameras": listed is None or (wanted.cameras is not None and wanted.cameras <= listed),
        "live_only": wanted.live_only or not limit.live_only,
        "expires_at": ends is None
        or (wanted.expires_at_us is not None and wanted.expires_at_us <= ends),
    }
    return next((field for field, holds in fits.items() if not holds), None)


def _words(giver: Principal, field: str) -> str:
    if field == "expires_at" and giver.expires_at_us is not None:
        end = rfc3339(giver.expires_at_us)
        return f"your own access ends on {end}: what you give cannot last longer"
    return "this is more than your own access allows: nobody gives more than they have"
