"""Languages → their closed word classes, as data.

Words that belong with what follows must not end a line; words that begin a clause or a phrase begin a line well. A
word stands in the first class that lists it. An elided form is listed with its apostrophe (`l'`, `qu'`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

WordClass = Literal[
    "", "article", "determiner", "possessive", "preposition", "of", "and", "coordinator", "relative", "pronoun",
    "auxiliary", "adverb", "title",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class LanguageWords:
    """The closed classes of one language: word → class, abbreviations without their full stop."""

    classes: Mapping[str, WordClass] = field(default_factory=dict)
    abbreviations: frozenset[str] = frozenset()
    names_are_capitalised: bool = True

    def has(self, word: str) -> bool:
        """Whether the word is listed."""
        return word in self.classes

    def word_class(self, word: str) -> WordClass:
        """Class of a word in small letters; empty for all that is not listed."""
        return self.classes.get(word, "")


def _listed(
    abbreviations: str, lists: Mapping[WordClass, str], *, nouns_are_capitalised: bool = False
) -> LanguageWords:
    """Classes of a language from lists of words parted by spaces; the first list that names a word has it."""
    classes: dict[str, WordClass] = {}
    for word_class, words in lists.items():
        assert word_class in get_args(WordClass)
        for word in words.split():
            classes.setdefault(word, word_class)
    return LanguageWords(classes, frozenset(abbreviations.split()), not nouns_are_capitalised)


WORD_CLASSES: Mapping[str, LanguageWords] = {
    "en": _listed(
        "mr mrs ms dr prof st mt vs etc jr sr inc ltd co corp no nos vol fig figs approx dept est e.g i.e cf gen col "
        "capt lt sgt rev hon gov sen rep pp ed eds a.m p.m",
        {
            "article": "a an the",
            "possessive": "my your his its our their whose",
            "and": "and or",
            "coordinator": "but nor yet so plus",
            "relative": "that which who whom because if when where while although though unless until since whether "
            "how why what as than whereas wherever whenever once lest",
            "of": "of",
            "preposition": "to in on at by for from with into onto over under about through between among against "
            "during before after without within upon toward towards across behind beyond near along around despite "
            "except inside outside per via amid beneath beside besides below above like unlike throughout up down off "
            "out till",
            "determiner": "this these those every each some any no all both either neither many much more most few "
            "several another such other",
            "pronoun": "i you he she it we they there",
            "auxiliary": "is are was were be been being am do does did has have had having will would can could shall "
            "should may might must cannot don't doesn't didn't isn't aren't wasn't weren't won't wouldn't can't "
            "couldn't shouldn't haven't hasn't hadn't i'm you're he's she's it's we're they're i've you've we've "
            "they've i'll you'll he'll she'll it'll we'll they'll i'd you'd he'd she'd we'd they'd that's there's "
            "what's who's let's gonna wanna gotta",
            "adverb": "not very really too quite just even only also never always almost rather not still",
            "title": "mr mrs ms dr prof sir lady lord president professor doctor king queen saint",
        },
    ),
    "fr": _listed(
        "m mm mme mlle dr pr st ste etc p.ex cf no vol fig env art chap éd av",
        {
            "article": "le la les l' un une",
            "of": "de du des d'",
            "possessive": "mon ma mes ton ta tes son sa ses notre nos votre vos leur leurs",
            "and": "et ou",
            "coordinator": "mais ni donc car or puis",
            "relative": "que qu' qui quoi dont où si s'il lorsque lorsqu' quand comme comment pourquoi puisque "
            "puisqu' parce quoique tandis afin lequel laquelle lesquels lesquelles",
            "preposition": "à au aux en dans sur sous par pour avec sans chez vers entre contre depuis pendant avant "
            "après devant derrière dès jusque jusqu' parmi malgré selon envers hors outre sauf",
            "determiner": "ce cet cette ces quel quelle quels quelles chaque quelques plusieurs tout toute tous toutes "
            "aucun aucune certains certaines autre autres même",
            "pronoun": "je j' tu il elle on nous vous ils elles ne n' se s' me m' te t' y en c' ça cela ceci lui",
            "auxiliary": "est sont était étaient suis es sommes êtes été être sera seront serait a ont ai as avons avez "
            "avait avaient eu avoir aura aurait fut peut peuvent doit doivent va vont fait faut",
            "adverb": "très plus moins pas trop si aussi bien encore toujours jamais même assez",
            "title": "monsieur madame mademoiselle docteur professeur saint sainte",
        },
    ),
    "de": _listed(
        "hr fr dr prof z.b d.h u.a bzw usw ca nr vgl abs st bd evtl ggf inkl max min mio mrd",
        {
            "article": "der die das den dem des ein eine einen einem einer eines",
            "possessive": "mein meine meinen meinem meiner dein deine sein seine seinen seinem seiner ihr ihre ihren "
            "ihrem ihrer unser unsere unseren unserem euer eure",
            "and": "und oder",
            "coordinator": "aber sondern denn doch sowie",
            "relative": "dass weil wenn ob als wie während obwohl damit bevor nachdem seit sobald solange falls indem "
            "sodass wo wer was wann warum welche welcher welches welchen deren dessen denen",
            "of": "von vom",
            "preposition": "in im ins an am ans auf aus bei beim mit nach zu zum zur für durch gegen ohne um unter "
            "über vor hinter neben zwischen bis wegen trotz statt innerhalb außerhalb gegenüber entlang ab pro",
            "determiner": "dieser diese dieses diesen diesem jener jene jeder jede jedes jeden jedem alle allen kein "
            "keine keinen keinem keiner viele einige mehrere manche beide solche andere",
            "pronoun": "ich du er sie es wir man sich mich dich mir dir ihm ihn uns euch ihnen",
            "auxiliary": "ist sind war waren bin bist seid sein habe hat haben hatte hatten wird werden wurde wurden "
            "kann können konnte muss müssen soll sollen will wollen darf mag möchte würde",
            "adverb": "nicht sehr so zu ganz nur auch noch schon immer nie mehr",
            "title": "herr frau doktor professor",
        },
        nouns_are_capitalised=True,
    ),
    "es": _listed(
        "sr sra srta dr dra d dña ud uds etc p.ej núm pág vol art cap av",
        {
            "article": "el la los las lo un una unos unas",
            "of": "de del",
            "possessive": "mi mis tu tus su sus nuestro nuestra nuestros nuestras vuestro vuestra",
            "and": "y e o u",
            "coordinator": "pero sino ni pues",
            "relative": "que quien quienes cual cuales cuyo cuya cuando donde como si porque aunque mientras según "
            "qué quién cómo dónde cuándo cuál",
            "preposition": "a al en con por para sin sobre entre desde hasta hacia contra ante bajo tras durante "
            "mediante excepto",
            "determiner": "este esta estos estas ese esa esos esas aquel aquella cada algún alguna algunos algunas "
            "ningún ninguna todo toda todos todas otro otra otros otras muchos muchas varios varias",
            "pronoun": "yo tú él ella nosotros vosotros ellos ellas usted ustedes se me te nos os le les",
            "auxiliary": "es son era eran fue fueron ser sido está están estaba estar he ha han hemos había habían haber "
            "puede pueden debe deben va van hay",
            "adverb": "no muy más menos tan ya también sólo solo casi nunca siempre",
            "title": "señor señora doctor doctora don doña san santa",
        },
    ),
    "it": _listed(
        "sig sigg dott prof ing avv ecc es p.es pag vol cap art n",
        {
            "article": "il lo la i gli le l' un uno una un'",
            "of": "di del dello della dei degli delle dell' d'",
            "possessive": "mio mia miei mie tuo tua suo sua suoi sue nostro nostra nostri nostre vostro vostra loro",
            "and": "e ed o",
            "coordinator": "ma né però oppure quindi dunque",
            "relative": "che chi cui quando dove come se perché mentre poiché affinché benché quale quali c'è com'è "
            "dov'è",
            "preposition": "a ad al allo alla ai agli alle all' da dal dallo dalla dai dagli dalle dall' in nel nello "
            "nella nei negli nelle nell' con su sul sullo sulla sui sugli sulle sull' per tra fra senza verso contro "
            "durante dopo prima sotto sopra",
            "determiner": "questo questa questi queste quest' quello quella quelli quelle quell' quei quegli ogni "
            "qualche alcuni alcune tutto tutta tutti tutte altro altra altri altre nessun nessuna molti molte",
            "pronoun": "io tu lui lei noi voi essi si mi ti ci vi lo ne",
            "auxiliary": "è sono era erano sia essere stato stata sarà ho hai ha abbiamo hanno aveva avevano avere può "
            "possono deve devono va",
            "adverb": "non molto più meno così già anche solo sempre mai ancora",
            "title": "signor signora signore dottor dottore professor san santa",
        },
    ),
    "pt": _listed(
        "sr sra dr dra prof profa etc p.ex pág vol art cap av núm",
        {
            "article": "o a os as um uma uns umas",
            "of": "de do da dos das dum duma d'",
            "possessive": "meu minha meus minhas teu tua seu sua seus suas nosso nossa nossos nossas",
            "and": "e ou",
            "coordinator": "mas nem porém pois",
            "relative": "que quem qual quais cujo cuja quando onde como se porque embora enquanto conforme",
            "preposition": "ao à aos às em no na nos nas num numa com por pelo pela pelos pelas para pra sem sobre "
            "entre desde até contra ante sob após durante mediante",
            "determiner": "este esta estes estas esse essa esses essas aquele aquela isto isso cada algum alguma alguns "
            "algumas nenhum nenhuma todo toda todos todas outro outra outros outras muitos muitas vários várias",
            "pronoun": "eu tu ele ela nós vós eles elas você vocês me te lhe lhes",
            "auxiliary": "é são era eram foi foram ser sido está estão estava estar tem têm tinha ter há pode podem "
            "deve devem vai vão",
            "adverb": "não muito mais menos tão já também só quase nunca sempre",
            "title": "senhor senhora doutor doutora dom dona são santa",
        },
    ),
    "nl": _listed(
        "dhr mevr dr prof ir ing bijv d.w.z enz nr blz ca o.a m.b.t a.u.b st",
        {
            "article": "de het een 't 'n",
            "possessive": "mijn jouw zijn haar ons onze hun uw",
            "and": "en of",
            "coordinator": "maar want dus noch",
            "relative": "dat die omdat als toen terwijl hoewel zodat voordat nadat sinds zodra tenzij indien wie wat "
            "waar wanneer waarom hoe welke welk wiens",
            "of": "van",
            "preposition": "in op aan met voor door bij naar uit over onder tussen tegen tot te om zonder na achter "
            "naast boven binnen buiten langs rond vanaf via per tijdens volgens",
            "determiner": "deze dit elk elke ieder iedere alle geen veel enkele sommige andere beide",
            "pronoun": "ik jij je hij zij ze wij we jullie u men zich er",
            "auxiliary": "is was waren ben bent hebben heeft had hadden wordt worden werd werden kan kunnen kon moet "
            "moeten zal zullen zou zouden mag wil willen",
            "adverb": "niet heel erg zeer zo te nog al ook altijd nooit meer",
            "title": "meneer mevrouw dokter professor",
        },
    ),
}
