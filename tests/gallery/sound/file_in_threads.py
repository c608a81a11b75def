"""A file is read piece by piece, each in a thread: the pieces must follow each other."""

import asyncio
import io
import time


class SlowFile(io.BytesIO):
    def read(self, size: int | None = -1, /) -> bytes:
        time.sleep(0.02)
        return super().read(size)


async def main() -> None:
    file = SlowFile(b"x" * 50)
    while await asyncio.to_thread(file.read, 10):
        pass
