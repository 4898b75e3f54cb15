"""The `text-to-dialogue` endpoint, for models that `stream-input` refuses: a speech request → address and wording.

One voice speaks there as well as several. Of its settings the service heeds only the stability; the request's others
shape nothing, and `models` names them for whoever tells the person so.
"""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.engines import LiveOptions
from pipeline.engines.connecting import Address
from pipeline.engines.models import language_code
from pipeline.engines.stream_input import target
from pipeline.engines.wording import Wording
from pipeline.model import SpeechRequest
from pipeline.protocol.dialogue import DialogueInput, InitializeDialogue, KeepDialogueAlive, SendInputs
from pipeline.protocol.dialogue_session import DialogueClientSession
from pipeline.protocol.messages import ServerMessage
from pipeline.protocol.multi_messages import CloseSocket
from pipeline.protocol.session import Ending


@dataclass(frozen=True, slots=True)
class Dialogue:
    """One request, or one live speech, a socket."""

    def target(self, address: Address, request: SpeechRequest, options: LiveOptions) -> str:  # noqa: ARG002
        """Compose the path and query of a handshake. There is no schedule, and no other time than 20 s of silence."""
        query = {"model_id": request.model, "output_format": request.output_format, "sync_alignment": "true"}
        if (code := language_code(request.model, request.language)) is not None:
            query["language_code"] = code
        if request.normalization != "auto":
            query["apply_text_normalization"] = request.normalization
        if request.seed is not None:
            query["seed"] = str(request.seed)
        return target(address, "text-to-dialogue/stream-input", query)

    def wording(self, address: Address, request: SpeechRequest, options: LiveOptions) -> Wording:  # noqa: ARG002
        """Begin what is said on one socket."""
        return DialogueWording(address, request)


class DialogueWording:
    """The wording of a dialogue with one voice: its id stands with every text, and messages say what they are."""

    def __init__(self, address: Address, request: SpeechRequest) -> None:
        self._address = address
        self._request = request
        self._session = DialogueClientSession()

    @property
    def is_whole(self) -> bool:
        """Whether the server has said that the speech is whole."""
        return self._session.is_whole

    def opening(self) -> str:
        """The voice, its stability, the dictionaries."""
        voice = self._request.voice
        first = InitializeDialogue((voice.id,), voice.settings.stability, self._request.dictionaries)
        return self._session.send(self._address.signed(first))

    def text(self, text: str) -> str:
        """More text."""
        return self._session.send(SendInputs(self._inputs(text)))

    def flush(self, text: str) -> str:
        """More text, all to be spoken now."""
        return self._session.send(SendInputs(self._inputs(text) if text else (), flush=True))

    def keep_alive(self) -> str:
        """A message for it."""
        return self._session.send(KeepDialogueAlive())

    def end(self) -> str:
        """The end of the socket, which is that of the text."""
        return self._session.send(CloseSocket())

    def receive(self, text: str) -> ServerMessage:
        """Return what a frame holds. Raises RemoteProtocolError."""
        return self._session.receive(text)

    def closed(self, code: int, reason: str = "") -> Ending:
        """Judge the end of the connection."""
        return self._session.closed(code, reason)

    def _inputs(self, text: str) -> tuple[DialogueInput, ...]:
        return (DialogueInput(text, self._request.voice.id),)
