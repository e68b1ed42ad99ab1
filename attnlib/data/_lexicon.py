"""The words of the grammar, each with what it needs to be used: forms, gender, and what it can be said of.

Every table begins with its most basic words, so that the first so many of each make a small language that holds
together. A line of a table reads

nouns
    English (its plural), French (its plural) and gender, groups, and where something can be in or at it;
verbs
    English (past and participle), French, frame, groups of its object or ``-``, flags;
adjectives
    English (its comparative), French masculine and feminine, ``<`` where it stands before its noun, groups it is
    said of; groups with ``=`` are for the predicate only;
adverbs
    English, French, kind;
names
    English, French, kind.

Frames of verbs
    ``intr`` no object; ``trans`` a direct object; ``give`` a thing and a person; ``tell`` the same where English puts
    the person last, with "to"; ``dat`` an object that French has with à; ``play`` an instrument, which French has with
    de; ``refl`` reflexive in French alone; ``to`` and ``from`` a place; ``live`` a place in which; ``speak`` a
    language; ``that`` a clause.

Flags of verbs
    ``s`` stative: "loved" is an imparfait, and there is no "is loving"; ``n`` no "is seeing" either; ``g`` what is
    liked in general has its article in French; ``a`` animals do it too; ``v`` vehicles do it too; ``p`` done in some
    place; ``m`` done slowly; ``k`` done well or badly; ``w`` done with someone.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from attnlib.data._english import EnglishVerb, english_plural, english_verb
from attnlib.data._french import FrenchVerb, agreed, french_plural, french_verb

_NOUNS = """
man/men | homme m | person
woman/women | femme f | person
friend | ami m | person kin
book | livre m | thing readable
cat | chat m | animal pet
dog | chien m | animal pet
house | maison f | building home | in dans
letter | lettre f | thing readable writable letter
apple | pomme f | food fruit
water | eau f | drink
bread | pain m | foodmass
garden | jardin m | place | in dans
mother | mère f | person kin
school | école f | building goal | at à
table | table f | furniture | on sur
teacher | professeur m | person job epicene
brother | frère m | person kin
station | gare f | building goal | at à
key | clé f | thing small
car | voiture f | vehicle own open driven | in dans
child/children | enfant m | person
door | porte f | open
song | chanson f | song
dress | robe f | wear
coffee | café m | drink
bird | oiseau m | animal bird
flower | fleur f | thing plant gift flower
sister | sœur f | person kin
guitar | guitare f | instrument thing
tree | arbre m | plant | under sous
cheese | fromage m | foodmass
hat | chapeau m | wear
story | histoire f | readable story writable
father | père m | person kin
window | fenêtre f | open
street | rue f | street | in dans
town | ville f | town | in dans
egg | œuf m | food
girl | fille f | person
boy | garçon m | person
doctor | médecin m | person job epicene
milk | lait m | drink
train | train m | vehicle | in dans
question | question f | question
bag | sac m | thing container open | in dans
king | roi m | person
queen | reine f | person
kitchen | cuisine f | room | in dans
horse | cheval m | animal
orange | orange f | food fruit
tea | thé m | drink
market | marché m | place goal | at à
chair | chaise f | furniture | on sur
newspaper | journal m | thing readable
bike | vélo m | vehicle own
piano | piano m | instrument
shirt | chemise f | wear
gift | cadeau m | thing gift
photo | photo f | thing picture
son | fils m | person kin
daughter | fille f | person kin
cake | gâteau m | food dish
wine | vin m | drink
restaurant | restaurant m | building goal | at à
hotel | hôtel m | building goal home | at à
phone | téléphone m | thing machine
watch | montre f | thing machine gift
bed | lit m | furniture | on sur
church | église f | building goal | in dans
neighbour | voisin m | person kin
student | étudiant m | person job
meat | viande f | foodmass
coat | manteau m | wear
shoe | chaussure f | wear
knife/knives | couteau m | thing small
glass | verre m | thing container breakable
bottle | bouteille f | thing container breakable open
box | boîte f | thing container open | in dans
river | rivière f | water | in dans
park | parc m | place goal | in dans
beach | plage f | place goal | on sur
film | film m | film
lesson | leçon f | lesson
word | mot m | lesson
answer | réponse f | idea
idea | idée f | idea
problem | problème m | question
secret | secret m | secret
room | chambre f | room | in dans
office | bureau m | room goal | in dans
shop | magasin m | building | in dans
hospital | hôpital m | building goal | at à
museum | musée m | building goal | at à
bus | bus m | vehicle driven | in dans
boat | bateau m | vehicle own | on sur
plane | avion m | vehicle | in dans
soup | soupe f | foodmass dish
rice | riz m | foodmass
butter | beurre m | foodmass
chocolate | chocolat m | foodmass gift
fish | poisson m | foodmass
banana | banane f | food fruit
tomato | tomate f | food fruit
carrot | carotte f | food
pear | poire f | food fruit
strawberry | fraise f | food fruit
bean | haricot m | food
sandwich | sandwich m | food dish
uncle | oncle m | person kin
aunt | tante f | person kin
cousin | cousin m | person kin
husband | mari m | person kin
wife/wives | femme f | person kin
grandmother | grand-mère/grands-mères f | person kin
grandfather | grand-père/grands-pères m | person kin
baby | bébé m | person
lawyer | avocat m | person job
actor | acteur m | person job
actress | actrice f | person job
singer | chanteur m | person job
waiter | serveur m | person job
nurse | infirmière f | person job
baker | boulanger m | person job
farmer | fermier m | person job
engineer | ingénieur m | person job epicene
policeman/policemen | policier m | person job
writer | écrivain m | person job epicene
artist | artiste m | person job epicene
gardener | jardinier m | person job
butcher | boucher m | person job
dentist | dentiste m | person job epicene
driver | chauffeur m | person job
tourist | touriste m | person
guest | invité m | person kin
prince | prince m | person
princess | princesse f | person
hero | héros m | person
cow | vache f | animal
mouse/mice | souris f | animal
rabbit | lapin m | animal
duck | canard m | animal
hen | poule f | animal
pig | cochon m | animal
wolf/wolves | loup m | animal
lion | lion m | animal
elephant | éléphant m | animal
monkey | singe m | animal
bear | ours m | animal
snake | serpent m | animal
butterfly | papillon m | animal
owl | hibou m | animal
hedgehog | hérisson m | animal
hamster | hamster m | animal pet
goat | chèvre f | animal
donkey | âne m | animal
frog | grenouille f | animal
fox | renard m | animal
turtle | tortue f | animal
cherry | cerise f | food fruit
lemon | citron m | food fruit
onion | oignon m | food
mushroom | champignon m | food
peach | pêche f | food fruit
olive | olive f | food
sausage | saucisse f | food
omelette | omelette f | food dish
honey | miel m | foodmass
jam | confiture f | foodmass
sugar | sucre m | foodmass
salt | sel m | foodmass
ham | jambon m | foodmass
chicken | poulet m | foodmass dish
juice | jus m | drink
beer | bière f | drink
lemonade | limonade f | drink
magazine | magazine m | thing readable
novel | roman m | thing readable writable
poem | poème m | readable writable
message | message m | readable writable letter
article | article m | readable writable
pen | stylo m | thing small
pencil | crayon m | thing small
notebook | cahier m | thing
umbrella | parapluie m | thing
ball | ballon m | thing ball
plate | assiette f | thing breakable
cup | tasse f | thing breakable
spoon | cuillère f | thing small
fork | fourchette f | thing small
ticket | billet m | thing small
computer | ordinateur m | thing machine
radio | radio f | thing machine
clock | horloge f | thing machine
lamp | lampe f | thing machine
toy | jouet m | thing gift
basket | panier m | thing container | in dans
stamp | timbre m | thing small
candle | bougie f | thing small
ring | bague f | thing small gift
axe | hache f | thing tool
tool | outil m | thing tool
rope | corde f | thing
mirror | miroir m | thing breakable
blanket | couverture f | thing
pillow | oreiller m | thing
suitcase | valise f | thing container open | in dans
wallet | portefeuille m | thing small
painting | tableau m | thing picture
picture | image f | picture
violin | violon m | instrument thing
flute | flûte f | instrument thing
harp | harpe f | instrument
trumpet | trompette f | instrument thing
skirt | jupe f | wear
sweater | pull m | wear
jacket | veste f | wear
tie | cravate f | wear
scarf/scarves | écharpe f | wear
glove | gant m | wear
sock | chaussette f | wear
suit | costume m | wear
uniform | uniforme m | wear
belt | ceinture f | wear
wardrobe | armoire f | furniture open | in dans
drawer | tiroir m | open | in dans
sofa | canapé m | furniture | on sur
bench | banc m | furniture | on sur
desk | bureau m | furniture | on sur
shelf/shelves | étagère f | furniture | on sur
fridge | frigo m | machine open | in dans
truck | camion m | vehicle own driven | in dans
village | village m | town | in dans
library | bibliothèque f | building goal | at à
cinema | cinéma m | building goal | at à
theatre | théâtre m | building goal | at à
bakery | boulangerie f | building goal | at à
university | université f | building goal | at à
airport | aéroport m | building goal | at à
bank | banque f | building goal | at à
pharmacy | pharmacie f | building goal | at à
castle | château m | building home | in dans
farm | ferme f | building goal home | at à
bridge | pont m | street | on sur
square | place f | street | on sur
road | route f | street | on sur
forest | forêt f | place | in dans
field | champ m | place | in dans
island | île f | town | on sur
lake | lac m | water | in dans
tower | tour f | building home | in dans
cellar | cave f | room | in dans
exercise | exercice m | lesson question
poet | poète m | person job
game | jeu m | thing
truth | vérité f | truth
name | nom m | truth
"""

_VERBS = """
love | aimer | trans | person animal | sa
see,saw,seen | voir | trans | person animal thing building vehicle plant | na
eat,ate,eaten | manger | trans | food foodmass | apmw
read,read,read | lire | trans | readable | pm
speak,spoke,spoken to | parler à | dat | person | pm
give,gave,given | donner | give | thing food gift |
sleep,slept,slept | dormir | intr | - | apk
go,went,gone | aller | to | goal town | w
get,got,got up | se lever | refl | - | m
think,thought,thought | penser | that | - | s
buy,bought,bought | acheter | trans | thing food foodmass wear vehicle | pw
drink,drank,drunk | boire | trans | drink | apmw
want | vouloir | trans | food foodmass drink gift vehicle | s
know,knew,known | connaître | trans | person story song town | s
like | aimer | trans | food foodmass drink song readable | sg
look for | chercher | trans | person animal thing wear | ap
work | travailler | intr | - | pkmw
write,wrote,written | écrire | trans | writable | pm
arrive | arriver | intr | - | v
find,found,found | trouver | trans | thing wear animal | n
take,took,taken | prendre | trans | thing vehicle | n
sing,sang,sung | chanter | trans | song | pkw
wait for | attendre | trans | person vehicle | ap
watch | regarder | trans | film animal picture person | pw
play | jouer | play | instrument | pk
live | habiter | live | home town | sw
open | ouvrir | trans | open | m
send,sent,sent | envoyer | give | letter readable gift |
listen to | écouter | trans | song person | pw
help | aider | trans | person | n
know,knew,known | savoir | that | - | s
run,ran,run | courir | intr | - | apm
wear,wore,worn | porter | trans | wear |
say,said,said | dire | that | - | n
make,made,made | faire | trans | dish | p
come,came,come back | revenir | from | goal town | n
show,showed,shown | montrer | give | thing picture wear |
close | fermer | trans | open | m
dance | danser | intr | - | pkmw
understand,understood,understood | comprendre | trans | question lesson story person | s
have,had,had | avoir | trans | animal vehicle thing instrument wear | s
meet,met,met | rencontrer | trans | person | np
visit | visiter | trans | building town | w
laugh | rire | intr | - | pw
cry | pleurer | intr | - | p
tell,told,told | raconter | give | story |
explain | expliquer | tell | question lesson idea |
call | appeler | trans | person animal | n
lose,lost,lost | perdre | trans | thing wear | n
choose,chose,chosen | choisir | trans | wear food gift vehicle | n
finish | finir | trans | readable lesson | n
leave,left,left | partir | intr | - | n
leave,left,left | quitter | trans | building town person | n
fall,fell,fallen | tomber | intr | - | an
hear,heard,heard | entendre | trans | person animal song vehicle | na
wake,woke,woken up | se réveiller | refl | - | n
go,went,gone to bed | se coucher | refl | - | n
answer | répondre à | dat | person question | n
wash | laver | trans | wear vehicle fruit breakable | p
clean | nettoyer | trans | room building furniture vehicle |
break,broke,broken | casser | trans | breakable machine | n
repair | réparer | trans | machine vehicle furniture | p
sell,sold,sold | vendre | trans | thing food vehicle home wear |
learn | apprendre | trans | lesson song |
carry | porter | trans | container furniture thing | m
follow | suivre | trans | person animal vehicle | a
believe | croire | that | - | s
travel | voyager | intr | - | mw
swim,swam,swum | nager | intr | - | akmw
walk | marcher | intr | - | apmw
play | jouer | intr | - | apw
cook | cuisiner | intr | - | kpw
stay | rester | intr | - | npw
draw,drew,drawn | dessiner | trans | animal building flower plant person | p
lend,lent,lent | prêter | give | thing vehicle |
bring,brought,brought | apporter | give | thing food gift |
hope | espérer | that | - | s
invite | inviter | trans | person | n
forget,forgot,forgotten | oublier | trans | thing truth wear | n
hide,hid,hidden | cacher | trans | thing gift truth | p
cut,cut,cut | couper | trans | food foodmass | p
prepare | préparer | trans | dish drink | p
smile at | sourire à | dat | person |
phone | téléphoner à | dat | person | p
prefer | préférer | trans | food foodmass drink | sg
hate | détester | trans | food foodmass drink animal | sg
hurry | se dépêcher | refl | - |
rest | se reposer | refl | - | p
stop | s'arrêter | refl | - | nva
have,had,had fun | s'amuser | refl | - | pw
get,got,got dressed | s'habiller | refl | - | m
fall,fell,fallen asleep | s'endormir | refl | - | apn
get,got,got lost | se perdre | refl | - | np
receive | recevoir | trans | letter readable gift | n
build,built,built | construire | trans | building |
drive,drove,driven | conduire | trans | driven | m
fill | remplir | trans | container |
keep,kept,kept | garder | trans | thing secret animal | n
throw,threw,thrown | jeter | trans | ball |
catch,caught,caught | attraper | trans | ball animal | an
push | pousser | trans | vehicle furniture |
pull | tirer | trans | furniture vehicle |
study,studied,studied | étudier | trans | lesson question | p
count | compter | trans | animal thing food |
admire | admirer | trans | person picture building | p
protect | protéger | trans | person animal building |
cross | traverser | trans | street water place town | am
touch | toucher | trans | thing animal furniture | n
plant | planter | trans | plant | p
thank | remercier | trans | person |
greet | saluer | trans | person |
recognise | reconnaître | trans | person song building | n
use | utiliser | trans | machine tool small |
translate | traduire | trans | readable lesson | m
paint | peindre | trans | home animal furniture picture | p
offer | offrir | give | gift food |
describe | décrire | tell | building picture person idea |
read,read,read | lire | give | readable story |
obey | obéir à | dat | person |
look like | ressembler à | dat | person | s
shout | crier | intr | - | p
jump | sauter | intr | - | ap
dream | rêver | intr | - |
breathe | respirer | intr | - | am
snore | ronfler | intr | - | a
return | retourner | to | goal town |
speak,spoke,spoken | parler | speak | language | kw
study,studied,studied | étudier | speak | language | p
learn | apprendre | speak | language |
go,went,gone out | sortir | intr | - | nw
come,came,come in | entrer | intr | - | n
"""

_ADJECTIVES = """
small/smaller | petit petite | < | animal building thing town room fruit flower
happy/happier | heureux heureuse | > | person=
big/bigger | grand grande | < | animal building thing town room plant vehicle
red/redder | rouge rouge | > | thing wear vehicle furniture flower
old/older | vieux vieille | < | person animal building thing wear vehicle furniture
young/younger | jeune jeune | < | person
good/better | bon bonne | < | food foodmass drink readable film job
beautiful | beau belle | < | animal building flower plant song picture town wear
interesting | intéressant intéressante | > | readable film question lesson town idea
tall/taller | grand grande | < | person
new | nouveau nouvelle | < | wear vehicle machine readable
black/blacker | noir noire | > | animal wear vehicle thing
tired | fatigué fatiguée | > | person=
white/whiter | blanc blanche | > | animal wear vehicle flower building
cold/colder | froid froide | > | drink dish
sad/sadder | triste triste | > | person story song film
blue | bleu bleue | > | wear vehicle thing flower bird
nice/nicer | gentil gentille | < | person
long/longer | long longue | < | readable street lesson film
difficult | difficile difficile | > | question lesson
pretty/prettier | joli jolie | < | wear flower room gift town
rich/richer | riche riche | > | person
hot/hotter | chaud chaude | > | drink dish
green/greener | vert verte | > | wear vehicle thing fruit
expensive | cher chère | > | wear vehicle machine instrument gift
poor/poorer | pauvre pauvre | > | person=
bad/worse | mauvais mauvaise | < | readable film job idea
strong/stronger | fort forte | > | person animal
clever/cleverer | intelligent intelligente | > | person animal idea
sick/sicker | malade malade | > | person=
yellow | jaune jaune | > | flower wear vehicle fruit
important | important importante | > | question lesson letter idea
easy/easier | facile facile | > | question lesson
funny/funnier | drôle drôle | > | person story film
heavy/heavier | lourd lourde | > | container furniture thing
broken | cassé cassée | > | machine furniture breakable
clean/cleaner | propre propre | > | wear room breakable
dirty/dirtier | sale sale | > | wear room breakable vehicle
famous | célèbre célèbre | > | person building
fast/faster | rapide rapide | > | vehicle
brown | marron marron | > | wear animal furniture
grey/greyer | gris grise | > | wear animal vehicle
serious | sérieux sérieuse | > | person
polite/politer | poli polie | > | person
brave/braver | courageux courageuse | > | person
shy/shyer | timide timide | > | person
lazy/lazier | paresseux paresseuse | > | person animal
curious | curieux curieuse | > | person animal
jealous | jaloux jalouse | > | person
furious | furieux furieuse | > | person=
ready | prêt prête | > | person=
busy | occupé occupée | > | person=
proud/prouder | fier fière | > | person=
delicious | délicieux délicieuse | > | food foodmass drink
fresh/fresher | frais fraîche | > | food drink
ripe/riper | mûr mûre | > | fruit
empty | vide vide | > | container room
full | plein pleine | > | container=
open | ouvert ouverte | > | open=
closed | fermé fermée | > | open=
round | rond ronde | > | furniture ball
modern | moderne moderne | > | building machine
quiet/quieter | calme calme | > | street town place
dark/darker | sombre sombre | > | room street
boring | ennuyeux ennuyeuse | > | readable film lesson
strange/stranger | étrange étrange | > | idea question person animal
useful | utile utile | > | machine tool lesson idea
dangerous | dangereux dangereuse | > | street animal
purple | violet violette | > | wear flower
pink | rose rose | > | wear flower
ugly/uglier | laid laide | > | building wear animal
huge | énorme énorme | > | animal building plant
french | français française | > | person film readable foodmass
english | anglais anglaise | > | person film readable
italian | italien italienne | > | person film vehicle
german | allemand allemande | > | person vehicle film
spanish | espagnol espagnole | > | person song
"""

_ADVERBS = """
today | aujourd'hui | now past future
often | souvent | mid
tomorrow | demain | future
yesterday | hier | past
well | bien | skill
always | toujours | mid
now | maintenant | now
very | très | intensity
slowly | lentement | manner
here | ici | place
already | déjà | perfect
sometimes | parfois | mid affirmative
soon | bientôt | future
every day | tous LES jours | habit | 0-0 1-2
really | vraiment | degree
quickly | rapidement | manner
badly | mal | skill
too | trop | intensity
also | aussi | mid affirmative
rarely | rarement | mid affirmative
later | plus tard | future | 0-0 0-1
calmly | calmement | manner
yet | encore | yet
together | ensemble | together
everywhere | partout | place
this morning | CE matin | past | 0-0 1-1
in the evening | LE soir | habit | 1-0 2-1
next week | LA semaine prochaine | future | 0-2 1-1
last year | LA année dernière | past | 0-2 1-1
there | là-bas | place
tonight | CE soir | future | 0-0 0-1
"""

_NAMES = """
paul | paul | m
marie | marie | f
paris | paris | city
anne | anne | f
french | français | language
pierre | pierre | m
france | france | country
alice | alice | f
london | londres | city
antoine | antoine | m
english | anglais | language
julie | julie | f
italy | italie | country
luc | luc | m
claire | claire | f
canada | canada | masculine country
hélène | hélène | f
thomas | thomas | m
rome | rome | city
spain | espagne | country
italian | italien | language
emma | emma | f
louis | louis | m
japan | japon | masculine country
berlin | berlin | city
lucie | lucie | f
alain | alain | m
germany | allemagne | country
spanish | espagnol | language
lyon | lyon | city
sophie | sophie | f
england | angleterre | country
marc | marc | m
"""

# What can be done to one thing after the other, in French: "buys an apple and eats it".
ONE_AFTER_THE_OTHER = {
    "acheter": "manger boire lire vendre porter garder",
    "chercher": "trouver",
    "trouver": "manger lire garder ouvrir acheter",
    "prendre": "manger lire laver vendre conduire",
    "ouvrir": "fermer",
    "laver": "manger porter vendre",
    "écrire": "lire traduire",
    "préparer": "manger boire",
    "recevoir": "lire ouvrir garder",
    "choisir": "acheter porter",
    "casser": "réparer",
    "rencontrer": "inviter saluer aider",
    "couper": "manger",
    "voir": "acheter suivre admirer prendre",
    "attraper": "garder",
    "apprendre": "chanter",
    "remplir": "fermer porter",
    "réparer": "vendre utiliser",
    "dessiner": "peindre",
}


_COLOURS = {"red", "black", "white", "blue", "green", "yellow", "brown", "grey", "purple", "pink"}
_NATIONS = {"french", "english", "italian", "german", "spanish"}
_STATES = {"open", "closed", "full", "empty", "broken", "ready", "round", "huge", "delicious", "furious", "busy"}
_UNGRADED = _COLOURS | _NATIONS | _STATES


class Noun(NamedTuple):
    """A noun in both languages."""

    english: str
    english_plural: str
    french: str
    french_plural: str
    gender: str
    groups: frozenset[str]
    inside: tuple[str, str] | None
    """The prepositions of "in the garden", where there is such a place."""
    mass: bool
    """Whether it is not counted."""


@dataclass(frozen=True, eq=False, slots=True)
class Verb:
    """A verb in both languages, in one frame; itself and no other, so that tables can be kept by it."""

    english: EnglishVerb
    french: FrenchVerb
    frame: str
    groups: frozenset[str]
    flags: str


class Adjective(NamedTuple):
    """An adjective in both languages."""

    english: str
    comparative: str | None
    forms: dict[tuple[str, bool], str]
    """French by gender and whether it is plural."""
    before: bool
    groups: frozenset[str]
    predicative: frozenset[str]
    graded: bool
    """Whether there is a more and a very."""


class Adverb(NamedTuple):
    """An adverb or a phrase of time in both languages, and which words are which."""

    english: tuple[str, ...]
    french: tuple[str, ...]
    kinds: frozenset[str]
    links: tuple[tuple[int, int], ...]


class Name(NamedTuple):
    """A proper name in both languages."""

    english: str
    french: str
    kind: str


class Lexicon(NamedTuple):
    """Words to draw from."""

    nouns: tuple[Noun, ...]
    verbs: tuple[Verb, ...]
    adjectives: tuple[Adjective, ...]
    adverbs: tuple[Adverb, ...]
    names: tuple[Name, ...]


def _noun(line: str) -> Noun:
    english, french, groups, *inside = (part.strip() for part in line.split("|"))
    french, gender = french.split()
    singular, _, plural = english.partition("/")
    french_singular, _, french_plurals = french.partition("/")
    return Noun(
        singular,
        plural or english_plural(singular),
        french_singular,
        french_plurals or french_plural(french_singular),
        gender,
        frozenset(groups.split()),
        tuple(inside[0].split()) if inside else None,
        bool({"foodmass", "drink"} & set(groups.split())),
    )


def _verb(line: str) -> Verb:
    english, french, frame, groups, flags = (part.strip() for part in line.split("|"))
    return Verb(
        english_verb(english), french_verb(french.removesuffix(" à")), frame, frozenset(groups.split()) - {"-"}, flags
    )


def _adjective(line: str) -> Adjective:
    english, french, side, groups = (part.strip() for part in line.split("|"))
    english, _, comparative = english.partition("/")
    masculine, feminine = french.split()
    # Colours that are really nouns don't change.
    plural = masculine if masculine == "marron" else french_plural(masculine)
    forms = {
        ("m", False): masculine,
        ("m", True): plural,
        ("f", False): feminine,
        ("f", True): feminine if masculine == "marron" else agreed(feminine, "m", True),
    }
    said = groups.split()
    return Adjective(
        english,
        comparative or None,
        forms,
        side == "<",
        frozenset(group for group in said if not group.endswith("=")),
        frozenset(group.rstrip("=") for group in said),
        english not in _UNGRADED,
    )


def _adverb(line: str) -> Adverb:
    english, french, kinds, *links = (part.strip() for part in line.split("|"))
    pairs = tuple(tuple(map(int, link.split("-"))) for link in (links[0] if links else "0-0").split())
    return Adverb(tuple(english.split()), tuple(french.split()), frozenset(kinds.split()), pairs)


def _name(line: str) -> Name:
    english, french, kind = (part.strip() for part in line.split("|"))
    return Name(english, french, kind)


@lru_cache(maxsize=1)
def whole_lexicon() -> Lexicon:
    """Return all words."""
    readers = {_NOUNS: _noun, _VERBS: _verb, _ADJECTIVES: _adjective, _ADVERBS: _adverb, _NAMES: _name}
    return Lexicon(*(tuple(read(line) for line in table.strip().splitlines()) for table, read in readers.items()))


def limited_lexicon(lemmas: int) -> Lexicon:
    """Return so many of the most basic words, with the share of each part of speech that it has in the whole."""
    whole = whole_lexicon()
    total = sum(map(len, whole))
    shares = [lemmas * len(words) / total for words in whole]
    counts = [int(share) for share in shares]
    by_remainder = sorted(range(len(shares)), key=lambda part: counts[part] - shares[part])
    for part in by_remainder[: lemmas - sum(counts)]:
        counts[part] += 1
    return Lexicon(*(words[:count] for words, count in zip(whole, counts, strict=True)))
