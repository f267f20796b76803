"""Saved walls as displays know them: their cameras in order, new ones among them."""

from falconeye.accounts.displays import ShownWall
from falconeye.web import wall_views
from falconeye.web.services import Services


async def shown_walls(services: Services) -> dict[str, ShownWall]:
    """By id; only those for everybody, because a display is nobody's own."""
    shared = [wall for wall in await services.accounts.walls.list() if wall.shared]
    cameras = services.cameras.list() if shared else []
    return {
        wall.id: ShownWall(
            wall.name,
            tuple(camera.config.id for camera in wall_views.cameras_of(wall, cameras)),
            wall.size,
            wall.cycle_s,
        )
        for wall in shared
    }
