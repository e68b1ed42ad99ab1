"""A hand-written phrasebook, English and French, with gold alignments.

Short sentences of every day, many of which can't be translated word by word: idioms, pronouns that change places, words
that one of the two languages doesn't say. Someone who is spoken to is *tu*, except in phrases for strangers.

Each French word of the table carries the places of the English words that it comes from, counted from 0: sure links
after ``:``, possible ones after ``~``.
"""

from functools import lru_cache

from attnlib.data.pairs import Pair, check_pair

_TABLE = """
i love you | je:0 t':2 aime:1
you love me | tu:0 m':2 aimes:1
she loves him | elle:0 l':2 aime:1
we love them | nous:0 les:2 aimons:1
i do not love you | je:0 ne~2 t':4 aime:3~1 pas:2
do you love me ? | est~0 -ce~0 que~0 tu:1 m':3 aimes:2 ?:4
i miss you | tu:2 me:0 manques:1
i need you | j':0 ai~1 besoin:1 de~2 toi:2
hello | bonjour:0
good morning | bonjour:0,1
good evening | bonsoir:0,1
good night | bonne:0 nuit:1
goodbye | au:0 revoir:0
see you tomorrow | à~0,1 demain:2
see you soon | à~0,1 bientôt:2
welcome | bienvenue:0
please | s'~0 il~0 te~0 plaît:0
thank you | merci:0,1
thank you very much | merci:0,1 beaucoup:2,3
you are welcome | de~0,1 rien:2
excuse me | excusez:0 -moi:1
i am sorry | je:0 suis:1 désolé:2
yes , of course | oui:0 ,:1 bien:2,3 sûr:2,3
no , thank you | non:0 ,:1 merci:2,3
how are you ? | comment:0 vas:1 -tu:2 ?:3
i am fine | je:0 vais:1 bien:2
i am well , thank you | je:0 vais:1 bien:2 ,:3 merci:4,5
what is your name ? | comment~0,1,3 t':2 appelles:3~1 -tu:2 ?:4
my name is paul | je~0 m':0 appelle:1,2 paul:3
nice to meet you | enchanté:0,1,2~3
where do you live ? | où:0 est~1 -ce~1 que~1 tu:2 habites:3 ?:4
i live in paris | j':0 habite:1 à:2 paris:3
where are you from ? | d':3 où:0 viens:1 -tu:2 ?:4
i am from london | je:0 viens:1 de:2 londres:3
how old are you ? | quel~0 âge:1 as:2 -tu:3 ?:4
i am twenty years old | j':0 ai:1 vingt:2 ans:3~4
do you speak french ? | est~0 -ce~0 que~0 tu:1 parles:2 français:3 ?:4
i speak a little french | je:0 parle:1 un:2 peu:3 français:4
i do not understand | je:0 ne~2 comprends:3~1 pas:2
i do not know | je:0 ne~2 sais:3~1 pas:2
i know | je:0 sais:1
i do not remember | je:0 ne~2 me~3 souviens:3~1 pas:2
can you help me ? | est~0 -ce~0 que~0 tu:1 peux:0 m':3 aider:2 ?:4
can you repeat that ? | est~0 -ce~0 que~0 tu:1 peux:0 répéter:2 cela:3 ?:4
speak more slowly , please | parlez:0 plus:1 lentement:2 ,:3 s'~4 il~4 vous~4 plaît:4
what does that mean ? | qu'~0 est~1 -ce~1 que:0 cela:2 veut:3~1 dire:3 ?:4
what is this ? | qu'~0 est:1 -ce:2~0 que~0 c'~2 est:1 ?:3
who is it ? | qui:0 est:1 -ce:2 ?:3
it is me | c':0 est:1 moi:2
what time is it ? | quelle:0 heure:1 est:2 -il:3 ?:4
it is three o'clock | il:0 est:1 trois:2 heures:3
i am hungry | j':0 ai:1 faim:2
i am thirsty | j':0 ai:1 soif:2
i am cold | j':0 ai:1 froid:2
are you afraid ? | as:0 -tu:1 peur:2 ?:3
you are right | tu:0 as:1 raison:2
he is wrong | il:0 a:1 tort:2
i am tired | je:0 suis:1 fatigué:2
she is tired | elle:0 est:1 fatiguée:2
i have a headache | j':0 ai:1 mal:3~2 à~3 la~3 tête:3
it is raining | il:0 pleut:2~1
it is snowing | il:0 neige:2~1
it is cold today | il:0 fait:1 froid:2 aujourd'hui:3
the weather is nice | il~0,1 fait:2~1 beau:3
there is a cat in the garden | il~0 y~0 a:1~0 un:2 chat:3 dans:4 le:5 jardin:6
there is no milk | il~0 n'~2 y~0 a:1~0 pas:2 de~2 lait:3
how much is it ? | combien:0,1 est~2 -ce~3 que~3 ça:3 coûte:2 ?:4
it is too expensive | c':0 est:1 trop:2 cher:3
i would like a coffee | je:0 voudrais:1,2 un:3 café:4
i would like some water | je:0 voudrais:1,2 de~3 l'~3 eau:4
the bill , please | l':0 addition:1 ,:2 s'~3 il~3 vous~3 plaît:3
enjoy your meal | bon~0,1 appétit:2~0
where is the station ? | où:0 est:1 la:2 gare:3 ?:4
the station is on the left | la:0 gare:1 est:2 à:3 gauche:5~4
i am lost | je:0 suis:1 perdu:2
i am looking for my keys | je:0 cherche:2,3~1 mes:4 clés:5
wait for me | attends:0,1 -moi:2
look at me | regarde:0,1 -moi:2
listen to her | écoute:0,1 -la:2
give it to me | donne:0 -le:1 -moi:3~2
do not give it to him | ne~1 le:3 lui:5~4 donne:2~0 pas:1
come here | viens:0 ici:1
let us go | allons:2~0,1 -y~2
hurry up | dépêche:0,1 -toi~0,1
be careful | fais:0 attention:1
do not worry | ne~1 t'~2 inquiète:2~0 pas:1
i am coming | j':0 arrive:2~1
i have to go | je:0 dois:1,2 partir:3
i want to see you | je:0 veux:1 te:4 voir:3~2
i cannot sleep | je:0 ne~1 peux:1 pas:1 dormir:2
i have never seen him | je:0 ne~2 l':4 ai:1 jamais:2 vu:3
she has not arrived yet | elle:0 n'~2 est:1 pas:2 encore:4 arrivée:3
we are going to the beach tomorrow | nous:0 allons:2~1 à:3 la:4 plage:5 demain:6
they got up early | ils:0 se~1,2 sont~1 levés:1,2 tôt:3
he gave me a book | il:0 m':2 a~1 donné:1 un:3 livre:4
i think of you | je:0 pense:1 à:2 toi:3
i like red apples | j':0 aime:1 les~3 pommes:3 rouges:2
she bought a beautiful white house | elle:0 a~1 acheté:1 une:2 belle:3 maison:5 blanche:4
it was a long time ago | c'~0 était~1 il~5 y~5 a:5 longtemps:3,4~2
what a pity | quel:0,1 dommage:2
good luck | bonne:0 chance:1
happy birthday | joyeux:0 anniversaire:1
cheers | à~0 ta~0 santé:0
i do not like him anymore | je:0 ne~2 l':4 aime:3~1 plus:5~2
this is my friend anne | c':0 est:1 mon:2 amie:3 anne:4
my brother 's car is new | la~2 voiture:3 de:2 mon:0 frère:1 est:4 neuve:5
paul is taller than me | paul:0 est:1 plus~2 grand:2 que:3 moi:4
the children are sleeping | les:0 enfants:1 dorment:3~2
it does not matter | ça:0 n'~2 a~3 pas:2 d'~3 importance:3~1
"""


def phrasebook() -> list[Pair]:
    """Return the pairs of the phrasebook, in the order of the table, everything in lower case.

    Every word of both sides is linked, by sure links where words translate each other and by possible ones where they
    only share in it, such as "do" or the two words of "see you" in *à demain*.

    Examples
    --------
    >>> pair = phrasebook()[0]
    >>> pair.source, pair.target, sorted(pair.sure)
    (('i', 'love', 'you'), ('je', "t'", 'aime'), [(0, 0), (1, 2), (2, 1)])
    """
    return list(_pairs())


@lru_cache(maxsize=1)
def _pairs() -> tuple[Pair, ...]:
    return tuple(_pair(line) for line in _TABLE.strip().splitlines())


def _pair(line: str) -> Pair:
    english, _, french = line.partition(" | ")
    target, sure, possible = [], set(), set()
    for place, marked in enumerate(french.split()):
        start, _, maybe = marked.partition("~")
        word, _, certain = start.rpartition(":") if ":" in start else (start, "", "")
        target.append(word)
        sure |= {(int(i), place) for i in certain.split(",") if i}
        possible |= {(int(i), place) for i in maybe.split(",") if i}
    pair = Pair(tuple(english.split()), tuple(target), frozenset(sure), frozenset(sure | possible))
    check_pair(pair)
    return pair
