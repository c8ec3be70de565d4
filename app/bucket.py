"""Files in an S3-compatible bucket. Used when S3_BUCKET is set; its client is not part of the slug until then."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import BinaryIO

from app.addons import BucketSettings
from app.files import PIECE, Away, Gone


class Bucket:
    """One object a file. Any call may raise app.files.Away."""

    def __init__(self, settings: BucketSettings):
        self.settings = settings

    @cached_property
    def client(self):
        # Imported at first use: 30 MB that a process without files need not have.
        import boto3
        from botocore.config import Config

        s = self.settings
        return boto3.client(
            "s3", aws_access_key_id=s.key or None, aws_secret_access_key=s.secret or None, region_name=s.region or None,
            endpoint_url=s.endpoint or None,
            # In all less than the 30 s after which the router gives up on a request.
            config=Config(connect_timeout=2, read_timeout=8, retries={"total_max_attempts": 2},
                          # Other makes than Amazon's rarely have a host name for each bucket.
                          s3={"addressing_style": "path"} if s.endpoint else {}))

    def put(self, id: str, content: BinaryIO) -> None:
        with away():
            self.client.upload_fileobj(content, self.settings.name, self._key(id))

    def read(self, id: str) -> Iterator[bytes]:
        """Raises app.files.Gone at the first piece."""
        from botocore.exceptions import ClientError

        with away():
            try:
                body = self.client.get_object(Bucket=self.settings.name, Key=self._key(id))["Body"]
            except ClientError as error:
                if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
                    raise Gone("The file has expired.") from None
                raise
            yield from body.iter_chunks(PIECE)

    def delete(self, id: str) -> None:
        with away():
            self.client.delete_object(Bucket=self.settings.name, Key=self._key(id))

    def _key(self, id: str) -> str:
        return f"{self.settings.prefix}{id}"


@contextmanager
def away():
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (Boto3Error, BotoCoreError, ClientError) as error:
        raise Away(f"The bucket cannot be used now: {error}") from error
