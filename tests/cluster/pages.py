"""The HTTP server of a controller under test."""

import urllib.error
import urllib.request

from aiohttp.test_utils import unused_port
from prometheus_client.parser import text_string_to_metric_families


class Pages:
    """Pass `listen` to the controller."""

    def __init__(self) -> None:
        self.listen = f"127.0.0.1:{unused_port()}"

    def get(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://{self.listen}{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def samples(self, name: str) -> dict[str, float]:
        """A metric's values by those of its labels, the labels in alphabetical order."""
        families = text_string_to_metric_families(self.get("/metrics")[1])
        found = (sample for family in families for sample in family.samples if sample.name == name)
        return {",".join(value for _, value in sorted(sample.labels.items())): sample.value for sample in found}
